"""The judges: what two assessments of one patient may not differ in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.safety.patients import Json

Key = tuple[str, str | None]
MET = "met"
SHOWN = ("phase", "staging", "course", "findings")


class Favourable(NamedTuple):
    """Finding -> outcome (or criterion) -> why it is favourable."""

    outcomes: dict[str, dict[str, str]]
    criteria: dict[str, dict[str, str]]


class Change(NamedTuple):
    """A criterion (or, with `criterion` None, an outcome) that is not as it was."""

    finding: str
    cause: str | None
    criterion: str | None
    before: str | None
    after: str | None

    def __str__(self) -> str:
        name = self.finding + (f" ({self.cause})" if self.cause else "")
        what = f", criterion {self.criterion}" if self.criterion else ""
        return f"{name}{what}: {self.before} -> {self.after}"


def own(assessments: list[Json], patient: str) -> Json | None:
    """The assessment of one patient."""
    return next((one for one in assessments if one["patient"] == patient), None)


def outcomes(assessment: Json) -> dict[Key, str]:
    """Outcome of each finding."""
    return {(f["code"], f.get("cause")): f["outcome"] for f in assessment["findings"]}


def statuses(assessment: Json) -> dict[tuple[Key, str], set[str]]:
    """Statuses of each criterion of each finding."""
    found: dict[tuple[Key, str], set[str]] = {}
    for finding in assessment["findings"]:
        for one in finding["criteria"]:
            found.setdefault(((finding["code"], finding.get("cause")), one["code"]), set()).add(one["status"])
    return found


def newly_met(before: Json, after: Json) -> Iterator[Change]:
    """Criteria of findings that were reported before and are met now but were not then."""
    then, reported = statuses(before), outcomes(before)
    for (key, criterion), found in statuses(after).items():
        if MET in found and key in reported and MET not in then.get((key, criterion), set()):
            was = "/".join(sorted(then.get((key, criterion), {"not listed"})))
            yield Change(*key, criterion, was, MET)


def left_standing(before: Json, after: Json, without: Json, favourable: Favourable) -> Iterator[Change]:
    """What is favourable, rests on a kind of fact, and still stands although the newest value cannot be used.

    What is the same in `without`, the record without that kind of fact, does not rest on it.
    """
    now, bare = outcomes(after), outcomes(without)
    for key, outcome in outcomes(before).items():
        if outcome in favourable.outcomes.get(key[0], {}) and bare.get(key) != outcome and now.get(key) == outcome:
            yield Change(*key, None, outcome, outcome)
    then, still, lost = statuses(before), statuses(after), statuses(without)
    for place, found in then.items():
        (finding, cause), criterion = place
        rests = found == {MET} and place in lost and MET not in lost[place]
        if rests and criterion in favourable.criteria.get(finding, {}) and MET in still.get(place, ()):
            yield Change(finding, cause, criterion, MET, MET)


def shown(assessment: Json) -> Json:
    """What the assessment says of the patient, evidence in a fixed order."""
    return {name: _ordered(assessment.get(name)) for name in SHOWN}


def _ordered(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _ordered(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted(dict.fromkeys(value)) if key == "evidence" else [_ordered(inner, key) for inner in value]
    return value


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Every place in which two assessments differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            label = one.get("code", index) if isinstance(one, dict) else index
            yield from differences(one, other, f"{path}[{label}]")
    elif before != after:
        yield f"{path}: {before!r} -> {after!r}"
