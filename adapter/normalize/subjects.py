"""Whose a resource is: references to patients resolved, so that nobody's facts reach another."""

from __future__ import annotations

from msgspec import Raw

from adapter.normalize.chart import Chart
from adapter.normalize.merges import absorb, survivors
from adapter.normalize.references import patient_named, server_of, split, unversioned
from adapter.resources.clinical import TYPE_NAMES, Patient
from adapter.resources.datatypes import Identifier, Reference
from adapter.resources.other_types import OTHER_TYPES
from adapter.resources.repair import read, read_list

_TYPES = frozenset((*OTHER_TYPES, *TYPE_NAMES.values()))
NOBODY = "nobody"
ANOTHER = "another subject"


class Subjects:
    """The patients of an input. `known`: what the bytes of a subject met before resolve to.

    `chart_of` gives a subject's chart, or why there is none (`nobody`, `another subject`).
    """

    def __init__(self, base: str | None) -> None:
        self.charts: list[Chart] = []
        self.main = base
        self._bases: set[str] = {base} if base else set()
        self._by_url: dict[str, Chart] = {}
        self._by_id: dict[str, list[tuple[str | None, Chart]]] = {}
        self._by_identifier: dict[tuple[str, str], list[Chart]] = {}
        self._strangers: dict[str, Chart] = {}
        self._linked: list[tuple[Chart, Raw]] = []
        self.known: dict[bytes, Chart | str] = {}

    def add(self, patient: Patient, full_url: str | None, place: str) -> Chart:
        """A Patient resource: a chart of its own. Without id the patient is named by its fullUrl, else its place."""
        chart = Chart(f"Patient/{patient.id}" if patient.id else full_url or place, True)
        self.charts.append(chart)
        base = server_of(full_url, "Patient")
        if full_url:
            self._by_url[unversioned(full_url)] = chart
        if base is not None:
            self._bases.add(base)
            self.main = self.main or base
        if patient.id:
            self._by_id.setdefault(patient.id, []).append((base or self.main, chart))
        for one in read_list(patient.identifier, Identifier) if patient.identifier else ():
            if one.system and one.value:
                self._by_identifier.setdefault((one.system, one.value), []).append(chart)
        if patient.link:
            self._linked.append((chart, patient.link))
        return chart

    def settle(self) -> None:
        """Once all patients are known: records that were merged (Patient.link) become the survivor's."""
        if not self._linked:
            return
        for name, survivor in survivors(self._linked, self._given).items():
            gone = next((chart for chart in self.charts if chart.reference == name), None)
            if gone is not None:
                absorb(survivor, gone)
                self.charts.remove(gone)
            self._redirect(name, gone, survivor)

    def _given(self, reference: str) -> Chart | None:
        """The chart of a given Patient resource that a reference names; nothing is put down for a stranger."""
        plain = unversioned(reference)
        _, kind, identity = split(plain)
        named = [chart for _, chart in self._by_id.get(identity, [])] if kind == Patient.__name__ else []
        return self._by_url.get(plain) or (named[0] if len(named) == 1 else None)

    def _redirect(self, name: str, gone: Chart | None, survivor: Chart) -> None:
        """From now on every name of the replaced record means the survivor."""
        self._by_url = {url: survivor if chart is gone else chart for url, chart in self._by_url.items()}
        for known in self._by_id.values():
            known[:] = [(base, survivor if chart is gone else chart) for base, chart in known]
        for charts in self._by_identifier.values():
            charts[:] = dict.fromkeys(survivor if chart is gone else chart for chart in charts)
        base, kind, identity = split(name)
        if gone is None and kind == Patient.__name__:
            self._by_id.setdefault(identity, []).append((base or self.main, survivor))

    def home(self, base: str | None) -> None:
        """A base that other entries of the input have, when no patient told one."""
        if base is not None and self.main is None:
            self.main = base
            self._bases.add(base)

    def chart_of(self, raw: Raw, base: str | None) -> Chart | str:
        """The chart of a `subject` element of an entry whose base is known (None: the input's own)."""
        key = bytes(raw) if base is None or base == self.main else base.encode() + b" " + bytes(raw)
        found = self.known.get(key)
        if found is None:
            reference = read(raw, Reference)
            text = reference.reference if reference is not None else None
            found = self._resolve(text.strip(), base) if text else self._by_logic(reference)
            self.known[key] = found
        return found

    def _by_logic(self, reference: Reference | None) -> Chart | str:
        """The one patient who has the identifier of a logical reference."""
        one = reference.identifier if reference is not None else None
        if one is None or not one.system or not one.value:
            return NOBODY
        charts = self._by_identifier.get((one.system, one.value), [])
        return charts[0] if len(charts) == 1 else NOBODY

    def _resolve(self, reference: str, base: str | None) -> Chart | str:
        plain = unversioned(reference)
        if plain.startswith("#"):
            return NOBODY
        if plain in self._by_url:
            return self._by_url[plain]
        if plain.startswith("urn:"):
            return self._stranger(plain)
        own, kind, identity = split(plain)
        if not kind:
            return NOBODY
        if kind != Patient.__name__:
            return ANOTHER if kind in _TYPES else NOBODY
        if identity not in self._by_id and patient_named(plain) is None:
            return NOBODY
        if own is not None and own not in self._bases:
            return self._stranger(plain)
        return self._by_identity(identity, own or base)

    def _by_identity(self, identity: str, base: str | None) -> Chart | str:
        """The patient of an id; on another base than the entry's it is somebody else."""
        if base is not None and f"{base}/Patient/{identity}" in self._by_url:
            return self._by_url[f"{base}/Patient/{identity}"]
        candidates = self._by_id.get(identity, [])
        near = [chart for of, chart in candidates if base is None or of is None or of == base]
        if len(near) > 1:
            return NOBODY
        if near:
            return near[0]
        foreign = base is not None and base != self.main
        return self._stranger(f"{base}/Patient/{identity}" if foreign else f"Patient/{identity}")

    def _stranger(self, reference: str) -> Chart:
        """A subject that no Patient resource answers."""
        found = self._strangers.get(reference)
        if found is None:
            found = self._strangers[reference] = Chart(reference, False)
            self.charts.append(found)
        return found
