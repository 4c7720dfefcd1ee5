"""Check digits of codes: a mistyped LOINC or SNOMED CT code mostly shows itself."""

from __future__ import annotations

from collections.abc import Callable

from stdnum import luhn, verhoeff

KINDS: dict[str, Callable[[str], bool]] = {"luhn": luhn.is_valid, "verhoeff": verhoeff.is_valid}
NAMES = {"luhn": "mod 10", "verhoeff": "Verhoeff"}


def wrong_digit(kind: str, code: str) -> bool:
    """Whether a code of digits (and a hyphen) has a wrong check digit; codes with letters have none that we know."""
    digits = code.replace("-", "")
    return digits.isascii() and digits.isdigit() and not KINDS[kind](digits)
