"""Names of one patient in a pool: identifiers of logical references, records that were merged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Raw

from adapter.resources.datatypes import ABSENT, Identifier, PatientLink
from adapter.resources.repair import read_list

LOGICAL = "identifier "
_SCHEMA = """
create table identified (name text, patient text);
create table linked (gone text, stays text);
"""


class _Person(msgspec.Struct, gc=False):
    """What makes records of a Patient resource one."""

    identifier: Raw = ABSENT
    link: Raw = ABSENT


_PERSON = msgspec.json.Decoder(_Person)


def logical_name(identifier: Identifier | None) -> str:
    """What a reference by identifier groups by until its patient is known; empty when it names nothing."""
    if identifier is None or not identifier.system or not identifier.value:
        return ""
    return f"{LOGICAL}{identifier.system}|{identifier.value}"


class Identities:
    """The other names of patients, kept in the pool's own store."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        for statement in _SCHEMA.split(";"):
            store.execute(statement)

    def note(self, patient: str, body: bytes, grouped: Callable[[str], str]) -> None:
        """Remember a Patient resource's identifiers and links; `grouped` says what a reference groups by."""
        try:
            person = _PERSON.decode(body)
        except (msgspec.MsgspecError, RecursionError):
            return
        if person.identifier:
            names = {logical_name(one) for one in read_list(person.identifier, Identifier)} - {""}
            self._store.executemany("insert into identified values (?,?)", [(name, patient) for name in names])
        for link in read_list(person.link, PatientLink) if person.link else ():
            other = grouped(link.other.reference) if link.other is not None and link.other.reference else ""
            if other and link.type == "replaced-by":
                self._store.execute("insert into linked values (?,?)", (patient, other))
            elif other and link.type == "replaces":
                self._store.execute("insert into linked values (?,?)", (other, patient))

    def settle(self) -> None:
        """Give the resources of every other name to the one patient whom it means."""
        self._store.execute(
            "update loose set patient = coalesce((select min(patient) from identified where name = loose.patient "
            "group by name having count(distinct patient) = 1), '') where patient like ?",
            (f"{LOGICAL}%",),
        )
        for gone, stays in self._merged():
            self._store.execute("update loose set patient = ? where patient = ?", (stays, gone))

    def _merged(self) -> Iterator[tuple[str, str]]:
        """Every replaced record with the given one that goes on; circles stay apart."""
        given = "select 1 from loose where kind = 'Patient' and patient = linked.stays"
        steps = dict(self._store.execute(f"select gone, stays from linked where gone <> stays and exists ({given})"))
        for gone in steps:
            seen, last = {gone}, steps[gone]
            while last in steps and last not in seen:
                seen.add(last)
                last = steps[last]
            if last not in seen:
                yield gone, last
