"""The entry point of `hcc-adapter` and `python -m adapter`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    from adapter.cli.app import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
