"""Every setting with its meaning, default and the shape of its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

EDITIONS = ("2024", "2021", "strictest")
LANGUAGES = ("en", "zh")
OPTIONS = ("assume-absent", "assume-no-cirrhosis-when-conditions-read", "use-issued", "plan-active")

Parse = Callable[[str], object]


@dataclass(frozen=True)
class Setting:
    """One setting: `name` as in the TOML file, `parse` raises ValueError saying what is expected.

    `default` is text like any other source's; None when the setting has no value until it is set. `shown_default`
    stands for a default that depends on the machine. `secret` values are never printed.
    """

    name: str
    meaning: str
    parse: Parse
    default: str | None = None
    shown_default: str | None = None
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()


PREFIX = "HCC_"


def plain(text: str) -> str:
    """Any text on one line."""
    if "\n" in text or "\x00" in text:
        raise ValueError("one line of text")
    return text


def one_of(*allowed: str) -> Parse:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return text

    return parse


def url(text: str) -> str:
    """An absolute http(s) URL without user, password and query; a trailing slash is dropped."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if usable and "@" in parts.netloc:
        raise ValueError("a URL without user and password, which would be shown and written")
    if not usable or any(blank in text for blank in " \t\n") or "?" in text or "#" in text:
        raise ValueError("an absolute http or https URL, such as http://localhost:8080/fhir")
    return text.rstrip("/")


def write_target(text: str) -> str:
    """A URL, or `none`: write nothing."""
    return text if text == "none" else url(text)


def database(text: str) -> str:
    """A SQLAlchemy URL."""
    if "://" not in text:
        raise ValueError("a SQLAlchemy URL, such as sqlite:////var/lib/hcc/state.db")
    return plain(text)


def time_zone(text: str) -> str:
    """A name of the time zone database."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, KeyError):
        raise ValueError("a name of the time zone database, such as Asia/Shanghai") from None


def folder(text: str) -> Path:
    """A folder that exists."""
    path = Path(text).expanduser()
    if not path.is_dir():
        raise ValueError("a folder that exists")
    return path


def file(text: str) -> Path:
    """A file that exists."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError("a file that exists")
    return path


def seconds(text: str) -> float:
    """A number of seconds above 0 and at most an hour."""
    value = float(text) if text.replace(".", "", 1).isdigit() else -1.0
    if not 0 < value <= 3600:
        raise ValueError("a number of seconds above 0 and at most 3600")
    return value


def mebibytes(text: str) -> int:
    """A whole number of MiB from 1 to 1024, as bytes."""
    if not text.isdigit() or not 1 <= int(text) <= 1024:
        raise ValueError("a whole number of MiB from 1 to 1024")
    return int(text) << 20


def words(text: str) -> tuple[str, ...]:
    """A comma list."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def options(text: str) -> frozenset[str]:
    """A comma list of the site's options."""
    for word in words(text):
        if word not in OPTIONS:
            near = get_close_matches(word, OPTIONS, n=1, cutoff=0)[0]
            raise ValueError(f"a comma list of {', '.join(OPTIONS)} (nearest to {word}: {near})")
    return frozenset(words(text))


def services(text: str) -> frozenset[str]:
    """A comma list of CDS Hooks services, or `all`."""
    if any(not word.replace("-", "").isalnum() for word in words(text)):
        raise ValueError("all, or a comma list of service ids as discovery names them")
    return frozenset(words(text))


def origins(text: str) -> tuple[str, ...]:
    """A comma list of browser origins: scheme, host and port, nothing more."""
    for word in words(text):
        parts = urlsplit(word)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise ValueError("a comma list of origins, such as https://ehr.example.org")
    return words(text)


def _setting_list() -> tuple[Setting, ...]:
    return (
        Setting("fhir_server", "base URL of the FHIR server to read from", url),
        Setting(
            "write_server", "base URL to write to; `none` writes nothing", write_target, shown_default="fhir_server"
        ),
        Setting("state", "SQLAlchemy URL of the state database", database, shown_default="SQLite in the user's folder"),
        Setting("edition", "edition of the guideline: " + ", ".join(EDITIONS), one_of(*EDITIONS), "2024"),
        Setting("lang", "language of texts: " + ", ".join(LANGUAGES), one_of(*LANGUAGES), "en"),
        Setting("time_zone", "time zone in which a calendar day is a day", time_zone, "UTC"),
        Setting("mappings", "folder of the site's overlay tables", folder),
        Setting("thresholds", "folder of YAML overlays for project choices and site thresholds", folder),
        Setting("options", "comma list of the site's choices: " + ", ".join(OPTIONS), options, ""),
        Setting(
            "canonical_base",
            "base of the identifiers and canonical URLs that are written",
            url,
            "https://hcc-conversion.org/fhir",
        ),
        Setting("public_url", "the service's own base URL as callers see it", url, shown_default="http://HOST:PORT"),
        Setting("clients", "TOML file of trusted callers, one [[client]] each", file),
        Setting("cds_deadline", "seconds that a CDS Hooks call may wait for the FHIR server", seconds, "4"),
        Setting("read_deadline", "seconds that a route of one patient may wait for the FHIR server", seconds, "30"),
        Setting("cds_silent", "services that evaluate and show nothing: comma list of ids, or `all`", services, ""),
        Setting("cors_origins", "comma list of origins of browsers that may call", origins, ""),
        Setting("body_limit", "largest request body in MiB", mebibytes, "64"),
        Setting("fhir_token", "fixed bearer token for the FHIR server", plain, secret=True),
        Setting("write_token", "fixed bearer token for a write server that is not the FHIR server", plain, secret=True),
        Setting("smart_client_id", "client id for SMART Backend Services", plain),
        Setting("smart_key", "JWK file with the private key for SMART Backend Services", file),
        Setting("smart_scope", "scope to ask for with SMART Backend Services", plain, "system/*.rs"),
    )


KNOWN: dict[str, Setting] = {setting.name: setting for setting in _setting_list()}
