"""The wait until a web server answers with 200, for start orders and health checks of containers."""

from __future__ import annotations

import argparse
import http.client
import sys
import time
import urllib.request


def answers(url: str, seconds: float) -> bool:
    """Whether the address answers 200 within some seconds."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # the address comes from the compose file
            return bool(answer.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        return False


def wait(url: str, seconds: float) -> bool:
    """Ask once a second, at least once, until it answers or the time is over."""
    deadline = time.monotonic() + seconds
    while not answers(url, seconds):
        if time.monotonic() + 1 > deadline:
            return False
        time.sleep(1)
    return True


def main() -> int:
    """0 when the server answered, 1 when it did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=300)
    told = parser.parse_args()
    if wait(told.url, told.seconds):
        return 0
    print(f"{told.url} did not answer within {told.seconds:g} s: look at the log of that server", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
