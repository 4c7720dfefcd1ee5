"""The reader's desk: tables, time zone and choices that every resource is read with."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from adapter.normalize.chart import Chart, Unmapped
from adapter.normalize.times import moments_of
from adapter.normalize.vocabulary import Asked, Named, Vocabulary
from adapter.resources.clinical import DRUGGED, Medication, Observation
from adapter.resources.datatypes import Component
from adapter.resources.repair import given
from adapter.terminology import AMBIGUOUS, UNKNOWN
from adapter.timeline.events import Unusable
from adapter.values import When

NONE: frozenset[str] = frozenset()
DRUG_KINDS = frozenset({*(kind.__name__ for kind in DRUGGED), "MedicationOrder", "MedicationUsage"})
Valued = Observation | Component


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where and when the fact under reading stands."""

    source: str
    when: When
    preliminary: bool
    notes: tuple[str, ...]
    path: str


class Desk:
    """What readers share. `lookup` resolves a reference to a Medication or a body structure's location."""

    __slots__ = (
        "administration_statuses",
        "calendar",
        "drafts",
        "medications",
        "moments",
        "observation_statuses",
        "options",
        "sites",
        "statuses",
        "vocabulary",
        "zone",
    )

    def __init__(self, vocabulary: Vocabulary, zone: str, options: frozenset[str]) -> None:
        self.vocabulary = vocabulary
        self.zone = zone
        self.options = options
        self.statuses: Mapping[tuple[str, str], dict[str, str]] = vocabulary.terminology.statuses
        self.observation_statuses = self.statuses["Observation", "status"]
        self.administration_statuses = self.statuses["MedicationAdministration", "status"]
        self.moments = moments_of(zone)
        self.calendar = vocabulary.terminology.systems.calendar
        self.medications: dict[str, tuple[str, Medication]] = {}
        self.sites: dict[str, tuple[str, Raw]] = {}
        self.drafts = False

    def reject(
        self,
        chart: Chart,
        source: str,
        concepts: frozenset[str],
        when: When | None,
        reason: str,
        path: str,
    ) -> None:
        """Put a resource down as one that its status would allow but that cannot be used."""
        groups = self.vocabulary.groups(concepts) if concepts else NONE
        chart.unusable.append(Unusable(source, concepts, groups, when, reason, path))

    def reject_any_drug(self, chart: Chart, source: str, when: When | None, reason: str, path: str) -> None:
        """Put down a record of a drug that cannot be told: it may be any."""
        groups = self.vocabulary.groups(self.vocabulary.terminology.drugs)
        chart.unusable.append(Unusable(source, NONE, groups, when, reason, path))

    def reject_kind(self, chart: Chart, source: str, kind: str, reason: str, path: str) -> None:
        """Put down a resource of which only the type can be told: what the type tells of, it may be about."""
        tables = self.vocabulary.terminology
        about = tables.drugs if kind in DRUG_KINDS else tables.conditions if kind == "Condition" else NONE
        groups = self.vocabulary.groups(about) if about else NONE
        chart.unusable.append(Unusable(source, NONE, groups, None, reason, path))

    def unnamed(self, chart: Chart, source: str, named: Named | Asked, when: When | None, path: str) -> None:
        """Put down a resource whose codings do not give one concept: unknown, ambiguous, or in conflict."""
        translation = named.translation
        if translation.reason in (UNKNOWN, AMBIGUOUS):
            chart.unmapped.append(Unmapped(source, named.codings, translation.reason, when))
        else:
            concepts = translation.concepts
            reason = f"{translation.reason}: {', '.join(sorted(concepts))}" if concepts else translation.reason
            self.reject(chart, source, concepts, when, reason, path)


def modified(raw: Raw) -> bool:
    """Whether a modifierExtension says something that we do not know."""
    return given(raw)
