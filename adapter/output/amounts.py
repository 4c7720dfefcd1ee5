"""Numbers of the guideline inside the texts: `{topic/name}` becomes the amount that holds for the reader's edition."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapter.guideline.thresholds import Limit, Thresholds
from adapter.values.interval import plain

_PLACE = re.compile(r"\{([a-z_]+)/([A-Za-z0-9_+-]+)(\.number)?\}")


def amount(limit: Limit, words: Mapping[str, str]) -> str:
    """Number and unit in words (`unit-d: "{} days"`); other units stay as they are; infinite: `not reached`."""
    if limit.value.is_infinite():
        return str(words["not-reached"])
    number = plain(limit.value)
    return str(words.get(f"unit-{limit.unit}", f"{{}} {limit.unit}")).replace("{}", number)


def with_amounts(texts: Any, thresholds: Thresholds, words: Mapping[str, str]) -> Any:
    """Texts, at any depth of keys, with `{topic/name}` as an amount and `{topic/name.number}` without its unit.

    Raises TableError for a name that the edition has not.
    """
    if isinstance(texts, dict):
        return {key: with_amounts(inner, thresholds, words) for key, inner in texts.items()}

    def filled(found: re.Match[str]) -> str:
        limit = thresholds.limit(found[1], found[2])
        return plain(limit.value) if found[3] else amount(limit, words)

    return _PLACE.sub(filled, texts) if isinstance(texts, str) and "/" in texts else texts
