"""Frozen facts of one patient in the field's own words (mCODE, US Core), each with its source.

Concept keys are those of the dictionary (`alt`, `hepatectomy`, `lenvatinib`). `groups` are the sets that a concept
belongs to
(`ici`, `aatd`, `hepatectomy`, `gi_bleeding`), assigned from mappings/groups.yaml when the resource is read.
`source` is the FHIR reference (`Observation/o9`), or `Bundle.entry[3]` / the line for a resource without id.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from adapter.values import Interval, When

NO_GROUPS: frozenset[str] = frozenset()


class Measurement(msgspec.Struct, frozen=True, gc=False):
    """A number: lab value, score, grade, ratio, count.

    `value` is in the concept's canonical unit (`unit`); `reported` and `reported_unit` (canonical UCUM text) are what
    the
    laboratory wrote. `low`/`high`: limits of normal of this very observation, in the canonical unit.
    `detected` is False when the laboratory says "not detected" (then `value` is 0).
    """

    source: str
    concept: str
    when: When
    value: Interval
    unit: str
    reported: Interval
    reported_unit: str
    low: Decimal | None = None
    high: Decimal | None = None
    detected: bool | None = None
    preliminary: bool = False
    notes: tuple[str, ...] = ()


class Coded(msgspec.Struct, frozen=True, gc=False):
    """A word: `present`, `absent`, `indeterminate` (also for serology), or the concept's own: `vp3`, `IIIa`, `A`,
    `CR`, `mild`, `R0`."""

    source: str
    concept: str
    when: When
    value: str
    preliminary: bool = False
    notes: tuple[str, ...] = ()


class Lesion(msgspec.Struct, frozen=True, gc=False):
    """One lesion measured on one date (mCODE TumorSize), diameters in mm.

    `lesion`: identity across dates (BodyStructure reference or lesion_id), None when the record gives none.
    `role`: `target`, `non_target`, `new_lesion` or None. `enhancement`: `present`, `absent` or None.
    `extrahepatic`: its bodySite is one of the extrahepatic sites; `site` the body site's key, None when none is
    recorded.
    `modality`: `ct`, `mri` or None.
    """

    source: str
    when: When
    lesion: str | None
    role: str | None
    diameter: Interval | None
    viable: Interval | None
    enhancement: str | None
    modality: str | None
    site: str | None
    extrahepatic: bool
    preliminary: bool = False
    notes: tuple[str, ...] = ()

    concept: str = "tumor_size"


class AdverseEvent(msgspec.Struct, frozen=True, gc=False):
    """A named adverse event; `grade` CTCAE 1-5 or None, `related` to treatment or None; `end` its last day;
    `resolved` as recorded."""

    source: str
    when: When
    name: str
    grade: int | None
    related: bool | None
    resolved: bool | None
    end: When | None
    preliminary: bool = False
    notes: tuple[str, ...] = ()

    concept: str = "adverse_event"


class Problem(msgspec.Struct, frozen=True, gc=False):
    """A Condition. `confirmed` False for unconfirmed, provisional, differential; `refuted` only where a refutation
    means something.

    `onset` None when the record gives no onset; `recorded` recordedDate; `clinical` clinicalStatus or None.
    """

    source: str
    concept: str
    groups: frozenset[str]
    onset: When | None
    abatement: When | None
    recorded: When | None
    clinical: str | None
    confirmed: bool = True
    refuted: bool = False
    notes: tuple[str, ...] = ()


class Exposure(msgspec.Struct, frozen=True, gc=False):
    """A drug given or taken from `start` to `end`, both days included.

    `ending`: `known` (`end` is the last day; a single dose ends on its day), `open` (until as-of), `unknown`
    (completed or
    stopped without any end: exposed until as-of for intervals, unknown for anything favourable), `on-hold` (`end` as
    recorded;
    for drug-free intervals until as-of; never satisfies an "active" criterion).
    `administered` is True for a MedicationAdministration (infusions, cycles); `oral` for drugs taken by mouth.
    """

    source: str
    drug: str
    groups: frozenset[str]
    start: When
    end: When | None
    ending: str
    administered: bool
    oral: bool
    notes: tuple[str, ...] = ()


class Performed(msgspec.Struct, frozen=True, gc=False):
    """Something done: a procedure, a contrast scan, an MDT conference; `end` the last day when it lasted.

    `ongoing`: begun and not ended; a view gives it as-of's day as its end.
    """

    source: str
    concept: str
    groups: frozenset[str]
    when: When
    end: When | None = None
    notes: tuple[str, ...] = ()
    ongoing: bool = False


class Plan(msgspec.Struct, frozen=True, gc=False):
    """An order, appointment or procedure in preparation, not (yet) done.

    `what` is a drug or procedure concept, `drug` tells which. `on` is the planned time (None: a plan without a date),
    `until`
    the recorded end of an order, `authored` when it was recorded (None: always known). `preparation` marks a Procedure.
    `draft` marks one of a CDS Hooks call's draftOrders.
    """

    source: str
    what: str
    groups: frozenset[str]
    drug: bool
    on: When | None
    until: When | None
    authored: When | None
    oral: bool = False
    preparation: bool = False
    draft: bool = False
    notes: tuple[str, ...] = ()


class Unusable(msgspec.Struct, frozen=True, gc=False):
    """A resource that its status would allow but that cannot be used; `concepts` that it may have been about (empty:
    unknown).

    `reason` begins with one of `malformed`, `no-time`, `no-unit`, `unit`, `code-conflict`, `modifier-extension`,
    `unresolved-reference`, `no-value`, `implausible`; `when` is None when the record gives no time.
    """

    source: str
    concepts: frozenset[str]
    groups: frozenset[str]
    when: When | None
    reason: str
    path: str


class Person(msgspec.Struct, frozen=True, gc=False):
    """The patient: `sex` FHIR administrative gender; `deceased` True, or the time of death."""

    reference: str
    birth: When | None = None
    sex: str | None = None
    deceased: When | bool = False


Event = Measurement | Coded | Lesion | AdverseEvent | Problem | Exposure | Performed | Plan
