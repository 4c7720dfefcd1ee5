"""Imaging evaluations: which imaging facts belong together, which are the baseline (guideline.md 2)."""

from __future__ import annotations

import msgspec

from adapter.guideline.case import Case
from adapter.guideline.treatment import course
from adapter.guideline.vessels import VESSEL_CONCEPTS
from adapter.timeline.events import Coded, Lesion, Measurement

RESPONSES = ("response_mrecist", "response_recist")
IMAGING_WORDS = (
    *VESSEL_CONCEPTS,
    "thrombus_enhancement",
    "arterial_phase_hyperenhancement",
    "restricted_diffusion",
    "distant_metastasis_status",
    "ehm_activity",
    "progression_site",
)
TARGET, NON_TARGET, NEW = "target", "non_target", "new_lesion"


class Imaging(msgspec.Struct, frozen=True):
    """One group of imaging dates (ordinals): what was seen, and responses recorded for it. `day` is its last day."""

    days: tuple[int, ...]
    lesions: tuple[Lesion, ...]
    words: tuple[Coded, ...]
    numbers: tuple[Measurement, ...]
    responses: tuple[Coded, ...]

    @property
    def day(self) -> int:
        """The day of the evaluation."""
        return self.days[-1]

    @property
    def sources(self) -> tuple[str, ...]:
        """References of everything seen."""
        found = [s.source for s in self.lesions] + [w.source for w in self.words]
        found += [n.source for n in self.numbers] + [r.source for r in self.responses]
        return tuple(dict.fromkeys(found))

    def measured(self) -> dict[str, Lesion]:
        """The later measurement of each lesion that has an identity."""
        return {s.lesion: s for s in self.lesions if s.lesion is not None}

    def alternatives(self) -> dict[str, list[Lesion]]:
        """Per lesion with an identity its newest measurement; several that contradict each other at one time."""
        found: dict[str, list[Lesion]] = {}
        for seen in self.lesions:
            if seen.lesion is not None:
                found.setdefault(seen.lesion, []).append(seen)
        return {name: [s for s in ones if s.when.end >= ones[-1].when.start] for name, ones in found.items()}

    def newest(self, concept: str) -> frozenset[str]:
        """The newest words of one concept; several when they contradict each other."""
        said = self.said(concept)
        return frozenset(w.value for w in said if w.when.end >= said[-1].when.start)

    def said(self, concept: str) -> list[Coded]:
        """Words of one concept, oldest first."""
        return [w for w in self.words if w.concept == concept]

    @property
    def modalities(self) -> frozenset[str]:
        """Modalities of its lesions, where recorded."""
        return frozenset(s.modality for s in self.lesions if s.modality is not None)


class Evaluations(msgspec.Struct, frozen=True):
    """`baseline`: the last evaluation on or before conversion start; `after`: those after it and before any
    hepatectomy."""

    baseline: Imaging | None
    after: tuple[Imaging, ...]


def evaluations(case: Case) -> Evaluations:
    """The imaging evaluations of the conversion course."""
    known = case.once(course)
    start, end = known.start, known.end
    if start is None:
        return Evaluations(None, ())
    before = [g for g in _groups(case, None, start) if _targets(g)]
    groups = _groups(case, start, end)
    first = start - case.limit("response", "baseline-days").days
    baseline = before[-1] if before and before[-1].day >= first else None
    targets = frozenset(_targets(baseline)) if baseline else None
    return Evaluations(baseline, tuple(g for g in groups if _is_evaluation(g, targets)))


def _targets(group: Imaging) -> list[str]:
    return sorted({s.lesion or s.source for s in group.lesions if s.role == TARGET})


def _is_evaluation(group: Imaging, targets: frozenset[str] | None) -> bool:
    """A baseline target or a new lesion was measured, or a response recorded; without a baseline any target."""
    if group.responses or any(s.role == NEW for s in group.lesions):
        return True
    if targets is None:
        return any(s.role == TARGET for s in group.lesions)
    return any(s.lesion in targets for s in group.lesions)


def _groups(case: Case, after: int | None, until: int | None) -> list[Imaging]:
    """Groups of imaging dates later than `after`; up to and with `until` before conversion start, before it
    afterwards."""

    def inside(day: int) -> bool:
        if after is None:
            return until is not None and day <= until
        return day > after and (until is None or day < until)

    lesions = [s for s in case.view.lesions if inside(s.when.first)]
    words = [w for concept in IMAGING_WORDS for w in case.view.coded(concept) if inside(w.when.first)]
    numbers = [n for n in case.view.measurements("tumor_number") if inside(n.when.first)]
    responses = [r for concept in RESPONSES for r in case.view.coded(concept) if inside(r.when.first)]
    seen = sorted({f.when.first for f in lesions} | {f.when.first for f in words} | {f.when.first for f in numbers})
    placed = _placed(case, seen, responses)
    spans = _spans(case, sorted(set(seen) | set(placed)), set(seen))
    return [_group(span, lesions, words, numbers, placed) for span in spans]


def _placed(case: Case, seen: list[int], responses: list[Coded]) -> dict[int, list[Coded]]:
    """Recorded responses by the imaging day that they belong to, else by their own."""
    reach = case.limit("response", "recorded-response-days").days
    placed: dict[int, list[Coded]] = {}
    for response in sorted(responses, key=lambda r: (r.when.start, r.source)):
        day = response.when.first
        imaging = [d for d in seen if day - reach <= d <= day]
        placed.setdefault(imaging[-1] if imaging else day, []).append(response)
    return placed


def _spans(case: Case, days: list[int], seen: set[int]) -> list[tuple[int, ...]]:
    """Days grouped by the window from each group's first date; a response without imaging stands alone."""
    width = case.limit("response", "evaluation-days").days
    spans: list[list[int]] = []
    for day in days:
        open_span = spans and spans[-1][0] in seen and day in seen and day - spans[-1][0] <= width
        if open_span:
            spans[-1].append(day)
        else:
            spans.append([day])
    return [tuple(span) for span in spans]


def _group(
    span: tuple[int, ...],
    lesions: list[Lesion],
    words: list[Coded],
    numbers: list[Measurement],
    placed: dict[int, list[Coded]],
) -> Imaging:
    days = frozenset(span)
    return Imaging(
        span,
        tuple(s for s in lesions if s.when.first in days),
        tuple(w for w in words if w.when.first in days),
        tuple(n for n in numbers if n.when.first in days),
        tuple(r for day in span for r in placed.get(day, ())),
    )
