#!/usr/bin/env bash
# Installs the system's packages that the real servers of the tests need, where they are missing and where it may.
# It never asks: without root, or sudo without a question, or apt, it says what is missing and leaves the rest to the tests.
set -o pipefail

missing=()
if ! command -v javac >/dev/null || ! javac -version 2>&1 | grep -qE ' (1[7-9]|[2-9][0-9])'; then
    missing+=(openjdk-17-jdk-headless)
fi
command -v mvn >/dev/null || missing+=(maven)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
[ -x /usr/bin/chromium ] || missing+=(chromium)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
[ "${#missing[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "make system: these packages are missing and cannot be installed from here: ${missing[*]}" >&2
    exit 0
fi
echo "make system: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
    echo "make system: installing ${missing[*]} failed; the tests say what they could not check" >&2
