"""Entries in, one record per patient out: the timeline and an account of every resource."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from msgspec import Raw

from adapter.normalize.accounts import Accounts, Orphan
from adapter.normalize.chart import Chart
from adapter.normalize.copies import Copies, Position, own_name
from adapter.normalize.desk import Desk
from adapter.normalize.patients import read_patient
from adapter.normalize.readers import NAMES, READERS, read_one
from adapter.normalize.references import identifier_name, server_of
from adapter.normalize.subjects import NOBODY, Subjects
from adapter.normalize.vocabulary import vocabulary_of
from adapter.resources.clinical import Appointment, BodyStructure, Medication, Patient, Resource
from adapter.resources.datatypes import ABSENT, Identifier, Meta, Participant
from adapter.resources.entries import Broken, Entries, Entry, Unread
from adapter.resources.repair import read, read_list
from adapter.terminology import Terminology
from adapter.timeline.events import Event, Exposure, Performed, Plan, Problem, Unusable
from adapter.timeline.timeline import Timeline
from adapter.values import AsOf, When

_READ = frozenset(READERS)


def _about(fact: Event | Unusable) -> tuple[frozenset[str], frozenset[str], When | None]:
    """Concepts, groups and time of a fact."""
    if isinstance(fact, Unusable):
        return fact.concepts, fact.groups, fact.when
    if isinstance(fact, Exposure):
        return frozenset((fact.drug,)), fact.groups, fact.start
    if isinstance(fact, Plan):
        return frozenset((fact.what,)), fact.groups, fact.on
    if isinstance(fact, Problem):
        return frozenset((fact.concept,)), fact.groups, fact.onset or fact.recorded
    groups = fact.groups if isinstance(fact, Performed) else frozenset()
    return frozenset((fact.concept,)), groups, fact.when


def _numbered(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdecimal() else (0, version)


class Record:
    """One patient: `reference`, the `timeline`, and what became of every resource."""

    def __init__(self, chart: Chart, timeline: Timeline, batches: list[Entries], extra: list[Orphan]) -> None:
        self.reference = chart.reference
        self.timeline = timeline
        self._chart = chart
        self._batches = batches
        self._extra = extra
        self._accounts: tuple[AsOf, Accounts] | None = None

    @property
    def chart(self) -> Chart:
        """What reading has put down."""
        return self._chart

    @property
    def batches(self) -> Sequence[Entries]:
        """The entries that the record was read from; another patient's may be among them."""
        return self._batches

    @property
    def given(self) -> bool:
        """Whether a Patient resource was there."""
        return self._chart.given

    @cached_property
    def versions(self) -> dict[str, str]:
        """Reference -> meta.versionId of every resource of the input that has one; of copies the newest."""
        found: dict[str, str] = {}
        for batch in self._batches:
            for entry in batch.items:
                resource: Any = entry.resource
                meta = read(resource.meta, Meta) if isinstance(resource, Resource) and resource.id else None
                if meta is not None and meta.versionId:
                    reference = f"{NAMES[resource.__class__]}/{resource.id}"
                    found[reference] = max(found.get(reference, ""), meta.versionId, key=_numbered)
        return found

    def accounts(self, as_of: AsOf) -> Accounts:
        """`rejected`, `unmapped` and the counts of `input` at an instant (contract.md 2)."""
        if self._accounts is None or self._accounts[0] != as_of:
            self._accounts = as_of, Accounts(self._chart, self._extra, as_of)
        return self._accounts[1]


class Records:
    """All patients of an input, and what could be given to none of them."""

    def __init__(self, patients: tuple[Record, ...], orphans: tuple[Orphan, ...]) -> None:
        self.patients = patients
        self.orphans = orphans


def read_records(
    entries: Entries | Sequence[Entries],
    *,
    terminology: Terminology,
    zone: str,
    options: frozenset[str] = frozenset(),
    complete: bool = False,
    incomplete: Iterable[tuple[str, str]] = (),
    draft_orders: Entries | None = None,
    source_base: str | None = None,
    only: str | None = None,
) -> Records:
    """One record per Patient resource, and per subject that no Patient resource answers.

    `zone` names the site's time zone. `incomplete`: (resource type, reason) that the source did not give in full.
    `draft_orders`: the orders of a CDS Hooks call, which are plans. `source_base`: the server's base URL.
    `only`: the one patient of a pool's share; whoever else its resources name has a share of their own.
    """
    batches = [entries] if isinstance(entries, Entries) else list(entries)
    base = source_base.rstrip("/") if source_base else next((b.base for b in batches if b.base), None)
    reading = _Reading(batches, Desk(vocabulary_of(terminology), zone, options), Subjects(base))
    reading.read(Copies(batches))
    if draft_orders is not None:
        reading.read_drafts(draft_orders)
    found = reading.records(complete, frozenset(kind for kind, _ in incomplete))
    if only is None:
        return found
    return Records(tuple(r for r in found.patients if r.reference == only), found.orphans)


class _Reading:
    """One pass over an input."""

    def __init__(self, batches: list[Entries], desk: Desk, subjects: Subjects) -> None:
        self.batches = batches
        self.desk = desk
        self.subjects = subjects
        self.orphans: list[Orphan] = []
        self.nobodys: list[tuple[type[Any], Any, str, Orphan]] = []
        self.loose: list[tuple[str, str]] = []
        self.older: list[tuple[Any, Entry, str, str]] = []
        self.names: dict[int, str] = {}

    def read(self, copies: Copies) -> None:
        """Patients and what others point at first, then every other resource."""
        losers, self.names = copies.losers, copies.names
        for number, batch in enumerate(self.batches):
            if not losers and batch.kinds <= _READ:
                continue
            for index, entry in enumerate(batch.items):
                resource = entry.resource
                kind = resource.__class__
                if losers and (number, index) in losers:
                    source = self._source(resource, entry, batch, index)
                    self.older.append((resource, entry, source, f"{source}#{len(self.older)}"))
                elif kind not in READERS:
                    self._first(resource, kind, entry, batch, index)
        self.subjects.settle()
        self._find_home()
        home = self._all_at_home() and not self.names
        for number, batch in enumerate(self.batches):
            if not batch.kinds.isdisjoint(_READ):
                self._rest(number, batch, losers, home)
        for resource, entry, source, copy in self.older:
            self._put_aside(resource, entry, source, copy)

    def _rest(self, number: int, batch: Entries, losers: set[Position], home: bool) -> None:
        """Every resource that is read; most have the subject of the one before, and to compare is cheaper."""
        charts, desk = self.subjects.known, self.desk
        subject: Raw = ABSENT
        chart: Chart | str | None = None
        every = not losers and batch.kinds <= _READ
        for index, entry in enumerate(batch.items):
            resource: Any = entry.resource
            kind = resource.__class__
            if not every and (kind not in READERS or (number, index) in losers):
                continue
            if not home or kind is Appointment or not resource.id:
                self._one(resource, entry, batch, index)
                continue
            if chart is None or resource.subject != subject:
                subject = resource.subject
                chart = charts.get(bytes(subject))
            if isinstance(chart, Chart):
                read_one(kind, resource, f"{NAMES[kind]}/{resource.id}", chart, desk)
            else:
                self._one(resource, entry, batch, index)

    def _all_at_home(self) -> bool:
        """Whether every entry stands on the input's own base: what lies between two URLs of it does so too."""
        urls = [entry.fullUrl for batch in self.batches for entry in batch.items if entry.fullUrl]
        if not urls:
            return True
        least, most = min(urls), max(urls)
        main = f"{self.subjects.main}/"
        return (least.startswith(main) and most.startswith(main)) or (least[:4] == most[:4] == "urn:")

    def _first(self, resource: Any, kind: type[Any], entry: Entry, batch: Entries, index: int) -> None:
        source = self._source(resource, entry, batch, index)
        if kind is Patient:
            chart = self.subjects.add(resource, entry.fullUrl, source)
            read_patient(resource, source, chart, self.desk)
        elif kind is Medication:
            logical = [identifier_name(i) for i in read_list(resource.identifier, Identifier)]
            for name in filter(None, (source, entry.fullUrl, *logical)):
                self.desk.medications[name] = (source, resource)
            self.loose.append((source, "notCounted"))
        elif kind is BodyStructure:
            for name in filter(None, (source, entry.fullUrl)):
                self.desk.sites[name] = (source, resource.location)
            self.older.append((resource, entry, source, source))
        else:
            self.older.append((resource, entry, source, source))

    def _find_home(self) -> None:
        if self.subjects.main is None:
            for batch in self.batches:
                for entry in batch.items[:1]:
                    self.subjects.home(server_of(entry.fullUrl, entry.resource.__class__.__name__))

    def _source(self, resource: Any, entry: Entry, batch: Entries, index: int) -> str:
        if resource is None or not resource.id:
            return batch.place(index)
        return self.names.get(id(entry)) or own_name(resource)

    def _one(self, resource: Any, entry: Entry, batch: Entries, index: int) -> None:
        kind = resource.__class__
        source = self._source(resource, entry, batch, index)
        chart = self._chart(resource, kind, entry)
        if chart.__class__ is str:
            self._orphan(source, kind.__name__, chart)
            if chart == NOBODY:
                self.nobodys.append((kind, resource, source, self.orphans[-1]))
            return
        read_one(kind, resource, source, chart, self.desk)  # type: ignore[arg-type]  # no text: see `if` above

    def _chart(self, resource: Any, kind: type[Any], entry: Entry) -> Chart | str:
        if kind is Appointment:
            return self._participant(resource, entry)
        raw = resource.patient if kind is BodyStructure else resource.subject
        if not raw and issubclass(kind, Unread):
            raw = resource.patient
        if not raw:
            return NOBODY
        main, url = self.subjects.main, entry.fullUrl
        base = None if url is None or main is None or url.startswith(main) else server_of(url, kind.__name__)
        return self.subjects.chart_of(raw, base)

    def _participant(self, resource: Appointment, entry: Entry) -> Chart | str:
        base = server_of(entry.fullUrl, Appointment.__name__)
        for participant in read_list(resource.participant, Participant):
            text = participant.actor.reference if participant.actor is not None else None
            if text and ("Patient/" in text or text.startswith("urn:")):
                return self.subjects.chart_of(Raw(b'{"reference":"' + text.encode() + b'"}'), base)
        return NOBODY

    def _put_aside(self, resource: Any, entry: Entry, source: str, copy: str) -> None:
        """What is not read: an older copy, another type, a broken or empty entry, a body structure."""
        if resource is None:
            self.orphans.append(Orphan(source, "rejected", "malformed: no resource", "Bundle.entry"))
            return
        kind = resource.__class__
        read_type = kind in READERS or kind in (Patient, Medication, BodyStructure)
        if kind is Patient and (person := next((c for c in self.subjects.charts if c.reference == source), None)):
            person.ignored.add(copy)
            return
        if kind in (Patient, Medication):
            self.loose.append((copy, "notCounted"))
            return
        chart = self._chart(resource, kind, entry) if kind is not Broken or resource.subject else NOBODY
        if kind is Broken and copy == source:
            self._broken(resource, source, chart)
        elif isinstance(chart, Chart):
            if kind is BodyStructure:
                chart.resources[copy] = 1
            elif read_type or kind is Broken:
                chart.ignored.add(copy)
            else:
                chart.other.add(copy)
        else:
            self.orphans.append(Orphan(source, "notCounted" if read_type else "otherType", "", ""))

    def _broken(self, resource: Broken, source: str, chart: Chart | str) -> None:
        charts = self.subjects.charts
        if chart == NOBODY and len(charts) == 1:
            chart = charts[0]
        if isinstance(chart, Chart):
            self.desk.reject_kind(chart, source, resource.type, resource.reason, resource.path)
        else:
            self.orphans.append(Orphan(source, "rejected", resource.reason, resource.path))

    def _orphan(self, source: str, kind: str, why: str) -> None:
        if why == NOBODY:
            element = "participant" if kind == Appointment.__name__ else "subject"
            self.orphans.append(Orphan(source, "rejected", "unresolved-reference", f"{kind}.{element}"))
        else:
            self.orphans.append(Orphan(source, "notCounted", why, f"{kind}.subject"))

    def read_drafts(self, drafts: Entries) -> None:
        """The orders of a CDS Hooks call; one without subject is the only patient's."""
        self.desk.drafts = True
        for index, entry in enumerate(drafts.items):
            resource = entry.resource
            if resource.__class__ not in READERS:
                continue
            source = self._source(resource, entry, drafts, index)
            chart = self._chart(resource, resource.__class__, entry)
            if isinstance(chart, str) and len(self.subjects.charts) == 1:
                chart = self.subjects.charts[0]
            if isinstance(chart, Chart):
                READERS[resource.__class__](resource, source, chart, self.desk)
            else:
                self._orphan(source, resource.__class__.__name__, chart)
        self.desk.drafts = False

    def records(self, complete: bool, incomplete: frozenset[str]) -> Records:
        """The records in the order of their patients; what is nobody's goes to the only patient."""
        charts = self.subjects.charts
        pointed = {target for chart in charts for target in chart.pointed}
        loose = [Orphan(s, "notCounted", "", "") for s, _ in self.loose if s not in pointed]
        nobodys = [*self.orphans, *loose]
        alone = len(charts) == 1
        if alone:
            self._doubt(charts[0])
        records = tuple(self._record(chart, complete, incomplete, nobodys if alone else []) for chart in charts)
        return Records(records, () if alone else tuple(nobodys))

    def _doubt(self, chart: Chart) -> None:
        """What names nobody may be the only patient's: it is not used, and nothing older hides that (guideline 1.8)."""
        for kind, resource, source, rejection in self.nobodys:
            scratch = Chart(chart.reference, False)
            read_one(kind, resource, source, scratch, self.desk)
            for fact in (*scratch.events, *scratch.unusable):
                concepts, groups, when = _about(fact)
                known = concepts | self.desk.vocabulary.groups(concepts) | groups
                chart.unusable.append(Unusable(source, concepts, known, when, rejection.reason, rejection.path))
        gone = {source for _, _, source, _ in self.nobodys}
        listed = {one.source for one in chart.unusable}
        self.orphans = [o for o in self.orphans if o.reference not in gone or o.reference not in listed]

    def _record(self, chart: Chart, complete: bool, incomplete: frozenset[str], extra: list[Orphan]) -> Record:
        timeline = Timeline(
            chart.person,
            tuple(chart.events),
            tuple(chart.unusable),
            complete or chart.conditions_read,
            incomplete,
        )
        return Record(chart, timeline, self.batches, extra)
