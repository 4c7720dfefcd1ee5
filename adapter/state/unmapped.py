"""Codes and units of real records that no mapping table settles, counted per source without double counting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from adapter.state.tables import MET, STRANGERS
from adapter.state.upsert import upsert_all
from adapter.terminology.strangers import Count, Stranger
from adapter.values.text import one_line

LONGEST, LONGEST_KEY = 500, 250


class StrangerStore:
    """Unsettled codes by their source (a server's base URL), patient by patient."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def put(self, source: str, patient: str, found: Iterable[Stranger], at: str, part: str = "") -> None:
        """What one patient's record holds now, at a time (ISO 8601); it replaces what was put before for the patient.

        `part` names the file of a patient whose record is spread over several.
        """
        where = {"source": _key(source), "patient": _key(patient), "part": _key(part)}
        grouped: dict[str, list[Stranger]] = {}
        for stranger in found:
            grouped.setdefault(_identity(stranger), []).append(stranger)
        with self._engine.begin() as connection:
            mine = [MET.c[name] == value for name, value in where.items()]
            connection.execute(sa.delete(MET).where(*mine))
            # In one order for all writers, so that two of them never wait for each other.
            keys = sorted(grouped)
            codes = [_row(where["source"], key, grouped[key][0], at) for key in keys]
            upsert_all(connection, STRANGERS, codes, keep="first_seen")
            units = ((key, unit, count) for key in keys for unit, count in _units(grouped[key]).items())
            met = [{**where, "key": key, "unit": unit, "count": count} for key, unit, count in units]
            upsert_all(connection, MET, met)

    def all(self, source: str) -> tuple[Count, ...]:
        """The codes of a source, the most frequent first; one that was not met lately has count 0."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(STRANGERS).where(STRANGERS.c.source == _key(source))).mappings().all()
            met = {row.key: row for row in connection.execute(_totals(source))}
            units: dict[str, list[str]] = {}
            for key, unit in connection.execute(_written(source)):
                units.setdefault(key, []).append(unit)
        counts = (_count(row, met.get(row["key"]), units.get(row["key"], ())) for row in rows)
        return tuple(sorted(counts, key=_order))

    def sources(self) -> tuple[str, ...]:
        """All sources, sorted."""
        with self._engine.connect() as connection:
            return tuple(sorted(connection.scalars(sa.select(STRANGERS.c.source).distinct())))


def _totals(source: str) -> sa.Select[Any]:
    query = sa.select(MET.c.key, sa.func.sum(MET.c.count).label("resources"))
    query = query.add_columns(sa.func.count(MET.c.patient.distinct()).label("patients"))
    return query.where(MET.c.source == _key(source)).group_by(MET.c.key)


def _written(source: str) -> sa.Select[Any]:
    """Units by key, the most frequent first."""
    query = sa.select(MET.c.key, MET.c.unit).where(MET.c.source == _key(source), MET.c.unit != "")
    return query.group_by(MET.c.key, MET.c.unit).order_by(MET.c.key, sa.func.sum(MET.c.count).desc(), MET.c.unit)


def _count(row: Any, met: Any, units: Sequence[str]) -> Count:
    return Count(
        row["system"],
        row["code"],
        row["display"],
        row["reason"],
        int(met.resources) if met else 0,
        int(met.patients) if met else 0,
        tuple(units),
        row["example"],
        tuple(row["concepts"].split()),
        row["first_seen"],
        row["last_seen"],
    )


def _order(count: Count) -> tuple[int, str, str, str, str]:
    return -count.count, count.system or "", count.code or "", count.display or "", count.reason


def _units(strangers: list[Stranger]) -> dict[str, int]:
    """Unit -> resources; a resource with two units counts for the first, and shows the other."""
    found: dict[str, int] = {}
    seen: set[str] = set()
    for stranger in strangers:
        unit = _key(stranger.unit or "")
        found[unit] = found.get(unit, 0) + (stranger.reference not in seen)
        seen.add(stranger.reference)
    return found


def _identity(stranger: Stranger) -> str:
    """One key for a coding with its reason; the display tells codings apart only where there is no code."""
    name = stranger.code if stranger.code is not None else f"display:{stranger.display}"
    about = stranger.concepts if stranger.reason not in ("unknown", "ambiguous") else ()
    text = json.dumps([stranger.system, name, stranger.reason, about])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _row(source: str, key: str, stranger: Stranger, at: str) -> dict[str, str | None]:
    shown = dict(_shown(stranger))
    times = {"first_seen": at, "last_seen": at}
    return {"source": source, "key": key, "concepts": " ".join(stranger.concepts), **shown, **times}


def _shown(stranger: Stranger) -> Iterator[tuple[str, str | None]]:
    for name in ("system", "code", "display", "reason"):
        value = getattr(stranger, name)
        yield name, None if value is None else _cut(value, LONGEST)
    yield "example", _cut(stranger.reference, LONGEST)


def _key(text: str) -> str:
    """A text as a key: short, on one line, and different texts stay different."""
    clean = _cut(text, None)
    if len(clean) <= LONGEST_KEY:
        return clean
    return f"{clean[: LONGEST_KEY // 2]}#{hashlib.sha256(clean.encode()).hexdigest()}"


def _cut(text: str, longest: int | None) -> str:
    """A record's text that any database takes: one line, no lone surrogates, not too long."""
    return one_line(text.encode("utf-8", "replace").decode())[:longest]
