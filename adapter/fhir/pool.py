"""Loose resources of many files, grouped by patient in a temporary store so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from adapter.fhir.documents import BLANK, shape_of
from adapter.fhir.identities import Identities, logical_name
from adapter.resources.clinical import READ_TYPES
from adapter.resources.datatypes import ABSENT, Identifier, Participant, Reference
from adapter.resources.entries import Broken, Entries, Entry
from adapter.resources.repair import read, read_list

NOBODY = ""
READ_NAMES = frozenset(cls.__name__ for cls in READ_TYPES)
_SCHEMA = """
create table loose (
    seq integer primary key, patient text, kind text, id text, points text, place text, reason text, body blob
)
"""
_ROWS = "select seq, kind, place, reason, body from loose"


class _Outside(msgspec.Struct, gc=False):
    """What grouping needs of a resource."""

    resourceType: str | None = None
    id: str | None = None
    subject: Raw = ABSENT
    patient: Raw = ABSENT
    participant: Raw = ABSENT
    medicationReference: Raw = ABSENT


class _Named(msgspec.Struct, gc=False):
    """The identifiers of a Medication."""

    identifier: Raw = ABSENT


_OUTSIDE = msgspec.json.Decoder(_Outside)


class Pool:
    """Resources by patient. Holds nothing in memory but SQLite's page cache; close it to drop the store."""

    def __init__(self) -> None:
        self._store = sqlite3.connect("", isolation_level=None)
        self._store.execute(_SCHEMA)
        self._identities = Identities(self._store)
        self._store.execute("begin")
        self.readable = 0
        self.broken = 0

    def add(self, body: bytes, place: str, reason: str = "") -> None:
        """A resource's JSON; a text that is none, or that the caller's reason speaks against, is kept with it."""
        try:
            if not body.isascii():
                body.decode()
            outside = _OUTSIDE.decode(body)
        except UnicodeDecodeError:
            reason, outside = "malformed: not UTF-8", _Outside()
        except RecursionError:
            reason, outside = "malformed: nested too deep", _Outside()
        except msgspec.ValidationError:
            outside = read(body, _Outside) or _Outside()
            reason = reason if outside.resourceType else "malformed: not a resource"
        except msgspec.DecodeError:
            reason, outside = "malformed: not JSON", _Outside()
        if not reason and not outside.resourceType:
            reason = "malformed: no resourceType"
        self.broken += bool(reason)
        self.readable += not reason
        patient, kind = _patient_of(outside, place), outside.resourceType or ""
        if kind == "Patient" and not reason:
            self._identities.note(patient, body, _grouped)
        row = (patient, kind, outside.id, _target(outside, body), place, reason, body)
        self._store.execute(
            "insert into loose (patient, kind, id, points, place, reason, body) values (?,?,?,?,?,?,?)", row
        )

    def count(self) -> int:
        """The number of different subjects, nobody left out."""
        self._store.execute("create index if not exists by_patient on loose (patient, seq)")
        self._identities.settle()
        self._store.execute("create index if not exists by_identity on loose (kind, id)")
        return int(self._store.execute("select count(distinct patient) from loose where patient <> ''").fetchone()[0])

    def patients(self) -> Iterator[str]:
        """The subjects in the order in which they were met, nobody left out."""
        found = self._store.execute("select patient from loose where patient <> '' group by patient order by min(seq)")
        return (row[0] for row in found)

    def of(self, patient: str, with_nobody: bool) -> Entries:
        """One patient's resources, the medications that they point at, and every other copy of any of them."""
        rows = list(self._store.execute(f"{_ROWS} where patient = ? order by seq", (patient,)))
        rows += self._store.execute(
            f"{_ROWS} where kind = 'Medication' and (id in (select points from loose where patient = ?) "
            "or points in (select points from loose where patient = ?))",
            (patient, patient),
        )
        rows += self._store.execute(
            f"{_ROWS} where patient not in (?, '') and (kind, id) in "
            "(select kind, id from loose where patient = ? and id is not null)",
            (patient, patient),
        )
        if with_nobody:
            rows += self._nobody_rows()
        return _entries(list({row[0]: row for row in rows}.values()))

    def of_nobody(self) -> Entries:
        """What belongs to no patient, without the medications that a patient's resources point at."""
        return _entries(
            list(
                self._store.execute(
                    f"{_ROWS} where patient = '' and not (kind = 'Medication' and id is not null and id in "
                    "(select points from loose where patient <> '' and points is not null)) "
                    "and not (kind = 'Medication' and points is not null and points in "
                    "(select points from loose where patient <> '' and points is not null)) "
                    "order by seq"
                )
            )
        )

    def _nobody_rows(self) -> Iterator[tuple[int, str, str, str, bytes]]:
        return self._store.execute(f"{_ROWS} where patient = '' order by seq")

    def close(self) -> None:
        """Drop the store."""
        self._store.close()


def _entries(rows: list[tuple[int, str, str, str, bytes]]) -> Entries:
    items = [Entry(None, _shape(kind, reason, body)) for _, kind, _, reason, body in rows]
    return Entries(items, lambda i: rows[i][2], lambda i: rows[i][4].strip(BLANK))


def _shape(kind: str, reason: str, body: bytes) -> object:
    if not reason:
        return shape_of(body)
    outside = read(body, _Outside) or _Outside()
    return Broken(kind, outside.id if kind else None, outside.subject or outside.patient, reason, "resource")


def _patient_of(outside: _Outside, place: str) -> str:
    """The subject as grouping knows it: `Patient/id`, an absolute reference, a nameless patient's place, or nobody."""
    kind = outside.resourceType
    if kind == "Patient":
        return f"Patient/{outside.id}" if outside.id else place
    if kind == "Medication":
        return NOBODY
    if kind == "Appointment":
        actors = [p.actor.reference for p in read_list(outside.participant, Participant) if p.actor is not None]
        return next((found for a in actors if (found := _grouped(a or ""))), NOBODY)
    raw = outside.subject or outside.patient
    if kind in READ_NAMES:
        raw = outside.patient if kind == "BodyStructure" else outside.subject
    reference = read(raw, Reference)
    if reference is None or not reference.reference:
        return logical_name(reference.identifier) if reference is not None else NOBODY
    return _grouped(reference.reference)


def _grouped(reference: str) -> str:
    """What a reference to a patient groups by; nobody for a reference to anything else."""
    text = reference.strip()
    plain = text.partition("/_history/")[0].rstrip("/") if "/_history/" in text else text
    if plain.startswith("urn:"):
        return plain
    server, _, kind = plain.rpartition("/")[0].rpartition("/")
    if kind != "Patient" or plain.startswith("#"):
        return NOBODY
    return plain if server else f"Patient/{plain.rpartition('/')[2]}"


def _target(outside: _Outside, body: bytes) -> str | None:
    """The Medication that a resource points at, by id or by identifier; of a Medication its own identifier."""
    if outside.resourceType == "Medication":
        named = read(body, _Named) or _Named()
        return next((name for one in read_list(named.identifier, Identifier) if (name := logical_name(one))), None)
    reference = read(outside.medicationReference, Reference)
    if reference is None or not reference.reference:
        return (logical_name(reference.identifier) or None) if reference is not None else None
    return reference.reference.partition("/_history/")[0].rpartition("/")[2]
