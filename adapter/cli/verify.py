"""The check of the whole round trip on a real server, with the synthetic patients only."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from adapter.cli.outcome import DONE, SOME_FAILED
from adapter.cli.road import Road, open_road
from adapter.cli.sandbox_work import authorized, day_of, server_of
from adapter.sandbox.loading import load as load_patients
from adapter.sandbox.synthetic import synthetic_bundles
from adapter.settings import load
from adapter.sync import SyncReport

RESULTS = ("CarePlan", "DetectedIssue", "Provenance")
CHANGED = "syn-05-bevacizumab-too-late"
ISSUE = "interval.bevacizumab"

Versions = dict[str, str | None]


def verify_round_trip(fhir_server: str | None, as_of: str | None) -> int:
    """Prints a line a check; 1 when one does not hold. Raises RemoteError when the server cannot be used."""
    base = server_of(load({"fhir_server": fhir_server}))
    with tempfile.TemporaryDirectory(prefix="hcc-verify-") as folder:
        settings = load({"fhir_server": base, "write_server": base, "state": f"sqlite:///{folder}/state.db"})
        day = day_of(as_of, settings)
        with open_road(settings, day.isoformat()) as road:
            with authorized(settings) as session:
                done = load_patients(base, day, session=session)
            print(f"loaded {done.patients} synthetic patients, {done.resources} resources, into {base}")
            ids = [bundle["id"] for bundle in synthetic_bundles(day)]
            trip = RoundTrip(road, ids)
            for step in (trip.first, trip.again, trip.take_back, trip.restore):
                step()
    return SOME_FAILED if trip.failed else DONE


class RoundTrip:
    """The steps of the check on some patients; `failed` counts what did not hold."""

    def __init__(self, road: Road, patients: list[str]) -> None:
        self.road = road
        self.patients = patients
        self.failed = 0

    def first(self) -> None:
        """A sync leaves a plan for each patient and an issue for each open finding."""
        report = self._sync()
        self._check("the first sync has no failure", not report.failed)
        held = self._versions()
        for outcome in report.outcomes:
            plans = [r for r in held[outcome.patient] if r.startswith("CarePlan/")]
            self._check(f"{outcome.patient} has one CarePlan", len(plans) == 1)

    def again(self) -> None:
        """A second sync writes nothing."""
        before = self._versions()
        report = self._sync()
        self._check("a second sync writes nothing", report.writes == 0 and not report.failed)
        self._check("every version on the server is as before", self._versions() == before)

    def take_back(self) -> None:
        """A fact taken back retracts what rested on it and touches nobody else."""
        before = self._versions()
        self._dose(lambda dose: {**dose, "status": "entered-in-error"})
        self._sync()
        after = self._versions()
        mine = f"Patient/{CHANGED}"
        others = [patient for patient in after if patient != mine and after[patient] != before[patient]]
        self._check("a dose taken back changes the results of its patient", after[mine] != before[mine])
        self._check("and of nobody else", not others)
        self._check("the issue that rested on it stays, with a mitigation", bool(self._issue().get("mitigation")))

    def restore(self) -> None:
        """The fact given again, everything comes to rest."""
        self._dose(lambda dose: {**dose, "status": "completed"})
        self._sync()
        issue = self._issue()
        self._check("the dose given again opens the issue again", bool(issue) and not issue.get("mitigation"))
        self._check("and the next sync writes nothing", self._sync().writes == 0)

    def _sync(self) -> SyncReport:
        return self.road.run(self.patients)

    def _check(self, what: str, holds: bool) -> None:
        self.failed += not holds
        print(f"{'ok    ' if holds else 'FAILED'} {what}")

    def _versions(self) -> dict[str, Versions]:
        client = self.road.source
        held: dict[str, Versions] = {}
        for patient in self.patients:
            mine = held.setdefault(f"Patient/{patient}", {})
            for kind in RESULTS:
                name = "target" if kind == "Provenance" else "patient"
                targets = list(mine) if kind == "Provenance" else [patient]
                for target in targets:
                    found = client.search(kind, [(name, target)]).resources
                    mine.update({str(r.reference): r.version for r in found})
        return held

    def _issue(self) -> dict[str, Any]:
        """The issue that is followed, empty when it is not there."""
        found = self.road.source.search("DetectedIssue", [("patient", CHANGED)]).resources
        issues = (resource.json() for resource in found)
        return next((issue for issue in issues if _code(issue) == ISSUE), {})

    def _dose(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Changes the dose on which the issue rests."""
        for holder in (self._issue().get("evidence") or [{}])[0].get("detail", []):
            kind, _, identity = str(holder.get("reference", "")).partition("/")
            if kind == "MedicationAdministration":
                self.road.source.update(change(self.road.source.read(kind, identity).json()))


def _code(issue: Mapping[str, Any]) -> str:
    codings = issue.get("code", {}).get("coding", [{}])
    return str(codings[0].get("code", ""))
