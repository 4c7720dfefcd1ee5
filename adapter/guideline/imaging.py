"""Imaging evaluations: which imaging facts belong together, which are the baseline (guideline.md 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

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
_NO_WORDS: frozenset[str] = frozenset()
_LAST_DAY = date.max.toordinal()


class Imaging(msgspec.Struct, frozen=True, gc=False):
    """One group of imaging dates (ordinals): what was seen, and responses recorded for it. `day` is its last day.

    `words` by concept, oldest first; `sources` are references of everything seen.
    """

    days: tuple[int, ...]
    lesions: tuple[Lesion, ...]
    words: dict[str, list[Coded]]
    responses: tuple[Coded, ...]
    sources: tuple[str, ...]

    @property
    def day(self) -> int:
        """The day of the evaluation."""
        return self.days[-1]

    def measured(self) -> dict[str, Lesion]:
        """The later measurement of each lesion that has an identity."""
        return {s.lesion: s for s in self.lesions if s.lesion is not None}

    def alternatives(self) -> dict[str, list[Lesion]]:
        """Per lesion with an identity its newest measurement; several that contradict each other at one time."""
        found: dict[str, list[Lesion]] = {}
        for seen in self.lesions:
            if seen.lesion is not None:
                found.setdefault(seen.lesion, []).append(seen)
        for name, ones in found.items():
            if len(ones) > 1:
                found[name] = [s for s in ones if s.when.end >= ones[-1].when.start]
        return found

    def newest(self, concept: str) -> frozenset[str]:
        """The newest words of one concept; several when they contradict each other."""
        said = self.words.get(concept)
        if not said:
            return _NO_WORDS
        newest = said[-1].when.start
        return frozenset([w.value for w in said if w.when.end >= newest])

    def said(self, concept: str) -> list[Coded]:
        """Words of one concept, oldest first."""
        return self.words.get(concept, [])

    @property
    def modalities(self) -> frozenset[str]:
        """Modalities of its lesions, where recorded."""
        return frozenset(s.modality for s in self.lesions if s.modality is not None)


class Evaluations(msgspec.Struct, frozen=True, gc=False):
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
    recorded = {concept: found for concept in (*IMAGING_WORDS, *RESPONSES) if (found := case.view.coded(concept))}
    baseline = next((g for g in _groups(case, recorded, 0, start) if has_target(g)), None)
    first = start - case.limit("response", "baseline-days").days
    if baseline is not None and baseline.day < first:
        baseline = None
    targets = frozenset(target_names(baseline)) if baseline else None
    groups = _groups(case, recorded, start + 1, _LAST_DAY if end is None else end - 1)
    return Evaluations(baseline, tuple(reversed([g for g in groups if _is_evaluation(g, targets)])))


def has_target(group: Imaging) -> bool:
    """A target lesion was measured."""
    return any(s.role == TARGET for s in group.lesions)


def target_names(group: Imaging) -> list[str]:
    """Identities of the targets; one without identity is named by its source."""
    return sorted({s.lesion or s.source for s in group.lesions if s.role == TARGET})


def _is_evaluation(group: Imaging, targets: frozenset[str] | None) -> bool:
    """A baseline target or a new lesion was measured, or a response recorded; without a baseline any target."""
    if group.responses or any(s.role == NEW for s in group.lesions):
        return True
    if targets is None:
        return has_target(group)
    return any(s.lesion in targets for s in group.lesions)


def _groups(case: Case, recorded: dict[str, Sequence[Coded]], first: int, last: int) -> Iterator[Imaging]:
    """Groups of imaging dates between two days (ordinals, both included), the newest first."""
    lesions = [s for s in case.view.lesions if first <= s.when.first <= last]
    numbers = [n for n in case.view.measurements("tumor_number") if first <= n.when.first <= last]
    seen = {s.when.first for s in lesions} | {n.when.first for n in numbers}
    words, responses = {}, []
    for concept, found in recorded.items():
        inside = [w for w in found if first <= w.when.first <= last]
        if concept in RESPONSES:
            responses += inside
        elif inside:
            words[concept] = inside
            seen.update([w.when.first for w in inside])
    placed = _placed(case, sorted(seen), responses)
    for span in reversed(_spans(case, sorted(seen.union(placed)), seen)):
        yield _group(span, lesions, words, numbers, placed)


def _placed(case: Case, seen: list[int], responses: list[Coded]) -> dict[int, list[Coded]]:
    """Recorded responses by the imaging day that they belong to, else by their own."""
    placed: dict[int, list[Coded]] = {}
    if not responses:
        return placed
    reach = case.limit("response", "recorded-response-days").days
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
    words: dict[str, list[Coded]],
    numbers: list[Measurement],
    placed: dict[int, list[Coded]],
) -> Imaging:
    days = frozenset(span)
    measured = [s for s in lesions if s.when.first in days]
    said = {concept: mine for concept, all_ in words.items() if (mine := [w for w in all_ if w.when.first in days])}
    responses = [r for day in span for r in placed.get(day, ())]
    sources = [s.source for s in measured] + [w.source for mine in said.values() for w in mine]
    sources += [n.source for n in numbers if n.when.first in days] + [r.source for r in responses]
    return Imaging(span, tuple(measured), said, tuple(responses), tuple(dict.fromkeys(sources)))
