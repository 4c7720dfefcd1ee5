"""The safety properties of one patient: each gives the violations as text, none when the property holds."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator

from tests.safety import judging, restating, spoiling, tables, taking
from tests.safety.patients import Json, Patient, assessed

SHOWN_DIFFERENCES = 5


def share(name: str, parts: int) -> bool:
    """Whether a name is in the share of the corpus that is tried: about one of `parts`, always the same."""
    return zlib.crc32(name.encode()) % parts == 0


def poorer_is_never_better(
    patient: Patient, used: set[tables.Allowance], parts: int = 1, before: list[Json] | None = None
) -> Iterator[str]:
    """Taking away every fact of a kind never makes a criterion met, but for the exceptions of the table."""
    then = assessed(patient) if before is None else before
    for kind, record in taking.poorer(patient):
        if share(f"{patient.name}/{kind}", parts):
            after = assessed(record())
            changes = [
                (kind, change)
                for one in then
                if (now := judging.own(after, one["patient"])) is not None
                for change in judging.newly_met(one, now)
            ]
            left = tables.not_covered(changes, tables.exceptions(), used)
            yield from (f"{patient.name}: without {line}" for line in left)


def unusable_is_never_favourable(patient: Patient, used: set[tables.Allowance], parts: int = 1) -> Iterator[str]:
    """A newer value that cannot be used leaves nothing favourable standing that rests on its kind, and is listed."""
    before = assessed(patient)
    if not any(one["findings"] for one in before):
        return
    without: dict[str, list[Json]] = {}
    for about, form, record in spoiling.worse(patient):
        if not share(f"{patient.name}/{about}/{form}", parts):
            continue
        if about not in without:
            without[about] = assessed(taking.without_kind(patient, "Observation", about))
        yield from _unusable(patient, before, assessed(record), without[about], f"{about} ({form})", about, used)


def _unusable(
    patient: Patient,
    before: list[Json],
    after: list[Json],
    without: list[Json],
    told: str,
    about: str,
    used: set[tables.Allowance],
) -> Iterator[str]:
    refused = {rejected["reference"] for one in after for rejected in one["rejected"]}
    if f"Observation/{spoiling.SPOILED}" not in refused:
        yield f"{patient.name}: unusable {told}: not listed in rejected"
    held = {kind for _, kind in taking.kinds(patient)}
    for one in before:
        now, bare = judging.own(after, one["patient"]), judging.own(without, one["patient"])
        if now is not None and bare is not None:
            changes = [(about, change) for change in judging.left_standing(one, now, bare, tables.favourable())]
            allowed = [one for one in tables.spared() if one.beside is None or one.beside in held]
            left = tables.not_covered(changes, allowed, used)
            yield from (f"{patient.name}: unusable {told}: still stands {line}" for line in left)


def told_differently(patient: Patient, way: str, before: list[Json]) -> Iterator[str]:
    """The same record told in another way gives the same findings."""
    record, undo = restating.WAYS[way](patient)
    after = restating.undone(assessed(record), undo)
    if {one["patient"] for one in before} != {one["patient"] for one in after}:
        yield f"{patient.name}: {way}: other patients"
    for one in before:
        now = judging.own(after, one["patient"])
        if now is not None:
            found = list(judging.differences(judging.shown(one), judging.shown(now)))[:SHOWN_DIFFERENCES]
            yield from (f"{patient.name}: {way}: {line}" for line in found)


def shuffled(patient: Patient, seed: int) -> Patient:
    """The same entries in another order."""
    entries = list(patient.entries)
    random.Random(seed).shuffle(entries)
    return patient.with_entries(entries)
