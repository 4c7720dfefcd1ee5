"""Patients drawn fact by fact, without FHIR, for tests of single evaluators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import yaml

from adapter.guideline.case import Case
from adapter.guideline.model import Finding
from adapter.guideline.policy import NormalLimits, Policy
from adapter.guideline.thresholds import Thresholds, load_thresholds
from adapter.timeline.events import (
    AdverseEvent,
    Coded,
    Event,
    Exposure,
    Lesion,
    Measurement,
    Performed,
    Person,
    Plan,
    Problem,
    Unusable,
)
from adapter.timeline.timeline import Timeline
from adapter.values import Interval, When, parse_as_of, parse_when

ZONE = "UTC"
_MAPPINGS = Path(__file__).parents[2] / "mappings"


@lru_cache(maxsize=1)
def _groups() -> dict[str, frozenset[str]]:
    """Concept -> groups, from the shipped table."""
    table = yaml.safe_load((_MAPPINGS / "groups.yaml").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}

    def members(name: str) -> set[str]:
        entry = table[name]
        nested = [members(inner) for inner in entry.get("groups", [])]
        return set(entry.get("concepts", [])).union(*nested)

    for name in table:
        for concept in members(name):
            found.setdefault(concept, set()).add(name)
    return {concept: frozenset(names) for concept, names in found.items()}


def groups_of(concept: str) -> frozenset[str]:
    """The groups of a concept."""
    return _groups().get(concept, frozenset())


def on(text: str) -> When:
    """A date as a time."""
    when = parse_when(text, ZONE)
    assert when is not None, text
    return when


def number(text: str | float) -> Interval:
    """`5`, `<20`, `>=3`."""
    written = str(text)
    for sign in ("<=", ">=", "<", ">"):
        if written.startswith(sign):
            return Interval.compared(sign, Decimal(written[len(sign) :]), Decimal(0))
    return Interval.exact(Decimal(written))


class Sketch:
    """A patient under way; every method adds a fact and returns the sketch."""

    def __init__(self, born: str = "1966-03-01") -> None:
        self.person = Person("Patient/p1", on(born), "male")
        self.events: list[Event] = []
        self.unusable: list[Unusable] = []
        self.conditions_read = False
        self.incomplete: frozenset[str] = frozenset()

    def _source(self, kind: str) -> str:
        return f"{kind}/{len(self.events) + len(self.unusable)}"

    def condition(
        self,
        concept: str,
        onset: str | None = "2023-11-20",
        clinical: str = "active",
        refuted: bool = False,
        confirmed: bool = True,
    ) -> Sketch:
        """A Condition."""
        self.events.append(
            Problem(
                self._source("Condition"),
                concept,
                groups_of(concept),
                on(onset) if onset else None,
                None,
                None,
                clinical,
                confirmed,
                refuted,
            )
        )
        return self

    def lab(
        self, concept: str, day: str, value: str | float, unit: str = "", high: str | float | None = None
    ) -> Sketch:
        """A number in its canonical unit."""
        amount = number(value)
        top = None if high is None else Decimal(str(high))
        self.events.append(
            Measurement(self._source("Observation"), concept, on(day), amount, unit, amount, unit, None, top)
        )
        return self

    def word(self, concept: str, day: str, value: str) -> Sketch:
        """A coded answer."""
        self.events.append(Coded(self._source("Observation"), concept, on(day), value))
        return self

    def lesion(
        self,
        day: str,
        name: str | None = "L1",
        mm: float | None = None,
        viable: float | None = None,
        aphe: str | None = None,
        role: str | None = "target",
        outside: bool = False,
    ) -> Sketch:
        """One lesion on one date."""
        self.events.append(
            Lesion(
                self._source("Observation"),
                on(day),
                name,
                role,
                None if mm is None else number(mm),
                None if viable is None else number(viable),
                aphe,
                "mri",
                "body_site_lung" if outside else None,
                outside,
            )
        )
        return self

    def imaging(
        self,
        day: str,
        lesions: Mapping[str, tuple[float, float]],
        count: int | None = None,
        vp: str | None = "vp0",
        vv: str | None = "vv0",
        metastasis: str | None = "absent",
    ) -> Sketch:
        """A whole imaging: lesion -> (whole, viable) millimetres."""
        for name, (whole, viable) in lesions.items():
            self.lesion(day, name, whole, viable, "present" if viable else "absent")
        if count is not None:
            self.lab("tumor_number", day, count)
        for concept, value in (
            ("pvtt_vp_class", vp),
            ("hepatic_vein_invasion_class", vv),
            ("distant_metastasis_status", metastasis),
        ):
            if value is not None:
                self.word(concept, day, value)
        return self

    def dose(self, drug: str, *days: str) -> Sketch:
        """Infusions."""
        for day in days:
            self.events.append(
                Exposure(
                    self._source("MedicationAdministration"),
                    drug,
                    groups_of(drug),
                    on(day),
                    on(day),
                    "known",
                    True,
                    False,
                )
            )
        return self

    def taken(self, drug: str, start: str, end: str | None = None) -> Sketch:
        """An oral drug, open when it has no end."""
        self.events.append(
            Exposure(
                self._source("MedicationStatement"),
                drug,
                groups_of(drug),
                on(start),
                on(end) if end else None,
                "known" if end else "open",
                False,
                True,
            )
        )
        return self

    def done(self, concept: str, day: str) -> Sketch:
        """A procedure."""
        self.events.append(Performed(self._source("Procedure"), concept, groups_of(concept), on(day)))
        return self

    def plan(self, concept: str, day: str | None, authored: str = "2024-01-01") -> Sketch:
        """A planned procedure."""
        self.events.append(
            Plan(
                self._source("ServiceRequest"),
                concept,
                groups_of(concept),
                False,
                on(day) if day else None,
                None,
                on(authored),
            )
        )
        return self

    def adverse(
        self,
        name: str,
        day: str,
        grade: int | None,
        related: bool | None = None,
        resolved: bool | None = None,
        end: str | None = None,
    ) -> Sketch:
        """An adverse event."""
        self.events.append(
            AdverseEvent(self._source("Observation"), on(day), name, grade, related, resolved, on(end) if end else None)
        )
        return self

    def spoiled(self, concept: str, day: str | None, reason: str = "no-unit") -> Sketch:
        """A record that cannot be used."""
        self.unusable.append(
            Unusable(
                self._source("Observation"),
                frozenset({concept}),
                groups_of(concept),
                on(day) if day else None,
                reason,
                "Observation",
            )
        )
        return self

    def liver(self, day: str, bilirubin: float = 12, ascites: str = "none", encephalopathy: int = 0) -> Sketch:
        """The five parts of Child-Pugh; the defaults are class A."""
        self.lab("bilirubin_total", day, bilirubin, "umol/L").lab("albumin", day, 42, "g/L").lab("inr", day, 1)
        self.word("ascites_grade", day, ascites)
        return self.lab("hepatic_encephalopathy_grade", day, encephalopathy)

    def fit(self, day: str) -> Sketch:
        """Every technical criterion of sequential surgery met."""
        self.liver(day).lab("ecog_ps", day, 0).lab("asa_class", day, 2)
        self.lab("future_liver_remnant_ratio", day, 55, "%").lab("icg_r15", day, 8, "%")
        return self.word("inflow_outflow_preserved", day, "present").word("bile_duct_intact", day, "present")

    def case(self, as_of: str, edition: str = "2024", options: Iterable[str] = ()) -> Case:
        """The case at an instant."""
        timeline = Timeline(
            self.person, tuple(self.events), tuple(self.unusable), self.conditions_read, self.incomplete
        )
        limits = {
            ("alt", ""): NormalLimits(None, Decimal(40), True),
            ("ast", ""): NormalLimits(None, Decimal(40), True),
        }
        return Case(
            timeline, parse_as_of(as_of, ZONE), Policy(edition, _thresholds(edition), frozenset(options), limits)
        )


@lru_cache(maxsize=3)
def _thresholds(edition: str) -> Thresholds:
    return load_thresholds(edition)


def found(findings: Iterable[Finding], code: str) -> Finding | None:
    """The finding of a code, None when it is not reported."""
    return next((f for f in findings if f.code == code), None)


def outcome(findings: Iterable[Finding], code: str) -> str | None:
    """The outcome of a code, None when it is not reported."""
    finding = found(findings, code)
    return None if finding is None else finding.outcome


def status(finding: Finding | None, criterion: str) -> str | None:
    """The status of a finding's criterion."""
    listed = () if finding is None else finding.criteria
    return next((c.status.value for c in listed if c.code == criterion), None)


def treated() -> Sketch:
    """An HCC under camrelizumab and apatinib since 2024-01-08."""
    sketch = Sketch().condition("hcc")
    sketch.dose("camrelizumab", "2024-01-08", "2024-01-29", "2024-02-19", "2024-03-11", "2024-04-01")
    return sketch.taken("apatinib", "2024-01-08")
