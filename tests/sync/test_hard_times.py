"""Crashes, two workers, and servers that can do less."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import pytest

from adapter.errors import ConflictError, RemoteError
from adapter.output.comparison import canonical
from adapter.output.evaluated import WriteSite
from adapter.output.wordbook import Texts
from adapter.sandbox.running import running_sandbox
from adapter.state import open_state
from adapter.sync import sync_once
from tests.sync.ruling import evaluate
from tests.sync.servers import Died, Dying, Lesser
from tests.sync.test_round_trip import Json, done, only, only_outcome, reasons
from tests.sync.ward import BASE, SITE, Ward

LESSER: list[dict[str, Any]] = [
    {},
    {"transaction": False},
    {"own_ids": False},
    {"own_ids": False, "transaction": False},
    {"own_ids": False, "conditions": False},
    {"own_ids": False, "conditions": False, "transaction": False},
]
# Three workers were seen to meet four times in a row.
MEETINGS = 5
DEATHS = [(0, False), (0, True), (1, True), (2, False), (2, True), (3, True)]
NAMES = ["-".join(f"{key}" for key in abilities) or "full" for abilities in LESSER]


def content(ward: Ward, person: str) -> list[str]:
    """What our results say, whatever their ids."""
    held = ward.ours(person)
    ids = {f"{kind}/{r['id']}": kind for kind, found in held.items() for r in found}
    texts = []
    for resource in (r for found in held.values() for r in found):
        plain = {key: value for key, value in resource.items() if key not in ("identifier", "extension", "mitigation")}
        text = canonical({**plain, "reasons": reasons(resource), "author": None, "agent": None})
        for name, kind in ids.items():
            text = text.replace(name, kind)
        texts.append(text.replace(person, "person"))
    return sorted(texts)


def course(ward: Ward, name: str) -> tuple[str, Json, Json]:
    """A patient, and two later facts: one that changes the issue, one that ends it."""
    person = ward.admit(name=name)
    return person, ward.dose(person, "2024-04-20"), ward.operation(person, "2024-06-30")


@pytest.mark.parametrize("abilities", LESSER, ids=NAMES)
def test_a_server_of_any_abilities_gets_each_result_once_and_a_second_run_writes_nothing(
    ward: Ward, abilities: dict[str, Any]
) -> None:
    person, later_dose, later_operation = course(ward, "p1")
    target = Lesser(ward.base, **abilities)
    done(ward, person, target=target)
    assert {kind: len(found) for kind, found in ward.ours(person).items()} == {
        "CarePlan": 1, "DetectedIssue": 1, "Provenance": 1,
    }  # fmt: skip
    before = ward.versions(person)
    assert done(ward, person, target=target, state_url="sqlite://") == ()
    assert ward.versions(person) == before
    for fact in (later_dose, later_operation):
        ward.put(fact)
        assert done(ward, person, target=target)
        assert done(ward, person, target=target) == ()
    held = ward.ours(person)
    assert reasons(only(held["DetectedIssue"])) == ["no-longer-present"]
    assert len(held["Provenance"]) == 2


@pytest.mark.parametrize(
    ("abilities", "writes", "late"),
    [
        *((LESSER[0], 0, late) for late in (False, True)),
        *((abilities, writes, late) for abilities in (LESSER[1], LESSER[3]) for writes, late in DEATHS),
    ],
)
def test_a_worker_that_dies_anywhere_and_a_second_run_end_as_one_clean_run(
    sandbox_ward: Ward, abilities: dict[str, Any], writes: int, late: bool
) -> None:
    ward = sandbox_ward
    killed, clean = course(ward, "killed"), course(ward, "clean")
    steps: list[tuple[Json, Json] | None] = [None, *zip(killed[1:], clean[1:], strict=True)]
    for step in steps:
        for fact in step or ():
            ward.put(fact)
        done(ward, clean[0], target=Lesser(ward.base, **abilities))
        try:
            ward.sync(killed[0], target=Dying(ward.base, writes, late=late, **abilities))
        except Died:
            done(ward, killed[0], target=Lesser(ward.base, **abilities))
        assert content(ward, killed[0]) == content(ward, clean[0])
        assert done(ward, killed[0], target=Lesser(ward.base, **abilities)) == ()


@pytest.mark.parametrize("shared", [True, False], ids=["one-state", "own-state"])
@pytest.mark.parametrize("abilities", [LESSER[0], LESSER[2], LESSER[4]], ids=[NAMES[0], NAMES[2], NAMES[4]])
def test_workers_at_once_never_make_two(ward: Ward, tmp_path: Path, abilities: dict[str, Any], shared: bool) -> None:
    person = ward.admit()
    start = threading.Barrier(3)
    errors: list[str] = []

    def work(number: int) -> None:
        start.wait()
        url = ward.state_url if shared else f"sqlite:///{tmp_path / f'{number}.db'}"
        outcome = only_outcome(ward, person, target=Lesser(ward.base, **abilities), state_url=url)
        errors.extend([outcome.error] if outcome.error else [])

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    done(ward, person, target=Lesser(ward.base, **abilities))
    held = ward.ours(person)
    for kind in ("CarePlan", "DetectedIssue"):
        only([r for r in held[kind] if r["status"] != "entered-in-error"])
    assert done(ward, person, target=Lesser(ward.base, **abilities)) == ()


class Outrun(Lesser):
    """A server that somebody else is quicker on, `times` times."""

    def __init__(self, base: str, times: int) -> None:
        super().__init__(base)
        self.left = times

    def transaction(self, bundle: Any) -> Any:
        """POST a transaction, too late for a while."""
        if self.left:
            self.left -= 1
            raise ConflictError("a transaction: answered 412 (error conflict)", 412)
        return super().transaction(bundle)


def test_a_worker_that_is_too_late_again_and_again_looks_anew_and_writes_at_last(sandbox_ward: Ward) -> None:
    person, _, _ = course(sandbox_ward, "p1")
    outrun = Outrun(sandbox_ward.base, MEETINGS)
    assert "create CarePlan" in done(sandbox_ward, person, target=outrun) and outrun.left == 0
    assert done(sandbox_ward, person) == ()


def test_a_worker_that_is_always_too_late_says_so_and_has_written_nothing(sandbox_ward: Ward) -> None:
    person, _, _ = course(sandbox_ward, "p1")
    outcome = only_outcome(sandbox_ward, person, target=Outrun(sandbox_ward.base, 100))
    assert outcome.error is not None and "412" in outcome.error and outcome.done == ()
    assert sandbox_ward.ours(person)["CarePlan"] == []
    assert "create CarePlan" in done(sandbox_ward, person)


def test_results_on_another_server_name_their_sources_by_logical_references(sandbox_ward: Ward) -> None:
    person = sandbox_ward.admit()
    with running_sandbox() as other:
        site = WriteSite(BASE, "0.1.0", "2024", source=sandbox_ward.base, elsewhere=True)
        target = Ward(other, Path()).client()
        assert "create CarePlan" in done(sandbox_ward, person, target=target, site=site)
        plan, issue = (only(Ward(other, Path()).found(kind)) for kind in ("CarePlan", "DetectedIssue"))
        logical = {"type": "Patient", "identifier": {"system": sandbox_ward.base, "value": f"Patient/{person}"}}
        assert plan["subject"] == issue["patient"] == logical
        values = [d["identifier"]["value"] for d in issue["evidence"][0]["detail"]]
        assert values == [f"MedicationAdministration/{person}-m", f"Procedure/{person}-op"]
        assert done(sandbox_ward, person, target=target, site=site) == ()
        sandbox_ward.delete(f"Condition/{person}-c")
        report = sandbox_ward.sync(target=target, site=site)
        assert [outcome.patient for outcome in report.outcomes] == [f"Patient/{person}"]
        assert only(Ward(other, Path()).found("CarePlan"))["status"] == "revoked"


def test_a_server_that_takes_no_issue_gets_one_document_that_is_replaced(sandbox_ward: Ward) -> None:
    person, later_dose, _ = course(sandbox_ward, "p1")
    target = Lesser(sandbox_ward.base, refuses=frozenset({"DetectedIssue", "Device"}))
    report = sandbox_ward.sync(person, target=target)
    assert report.sink == "DocumentReference"
    assert "DocumentReference" in report.notes[0]
    document = only(sandbox_ward.found("DocumentReference", subject=f"Patient/{person}"))
    text = base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    assert "below the minimum of 28 days" in text
    assert done(sandbox_ward, person, target=target) == ()
    sandbox_ward.put(later_dose)
    assert done(sandbox_ward, person, target=target) == ("update DocumentReference",)
    assert sandbox_ward.ours(person)["CarePlan"] == []


def test_a_server_that_only_takes_new_messages_gets_one_for_each_content(sandbox_ward: Ward) -> None:
    person, later_dose, _ = course(sandbox_ward, "p1")
    refused = frozenset({"CarePlan", "DocumentReference", "Device"})
    target = Lesser(sandbox_ward.base, refuses=refused, create_only=frozenset({"Communication"}), own_ids=False)
    assert done(sandbox_ward, person, target=target) == ("create Communication",)
    assert done(sandbox_ward, person, target=target) == ()
    sandbox_ward.put(later_dose)
    assert done(sandbox_ward, person, target=target) == ("create Communication",)
    assert len(sandbox_ward.found("Communication")) == 2


def test_a_server_that_takes_nothing_is_told_and_gets_nothing(sandbox_ward: Ward) -> None:
    person = sandbox_ward.admit()
    refused = frozenset({"CarePlan", "DocumentReference", "Communication"})
    report = sandbox_ward.sync(person, target=Lesser(sandbox_ward.base, refuses=refused))
    assert (report.sink, report.writes, report.exit_code) == ("none", 0, 0)
    assert "nothing was written" in report.notes[0]


class Dropping(Lesser):
    """A server that keeps no extension and no display."""

    def transaction(self, bundle: Any) -> Any:
        """Keep the rest."""
        entries = [{**entry, "resource": _without_extensions(entry["resource"])} for entry in bundle["entry"]]
        return super().transaction({**bundle, "entry": entries})


def _without_extensions(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_extensions(v) for k, v in value.items() if k not in ("extension", "severity")}
    return [_without_extensions(item) for item in value] if isinstance(value, list) else value


def test_a_server_that_drops_what_it_does_not_know_is_not_written_to_again_and_again(sandbox_ward: Ward) -> None:
    person, later_dose, _ = course(sandbox_ward, "p1")
    target = Dropping(sandbox_ward.base)
    done(sandbox_ward, person, target=target)
    assert "severity" not in only(sandbox_ward.ours(person)["DetectedIssue"])
    assert done(sandbox_ward, person, target=target) == ()
    sandbox_ward.put(later_dose)
    assert len(done(sandbox_ward, person, target=target)) == 3
    assert done(sandbox_ward, person, target=target) == ()


def test_an_incomplete_read_closes_nothing(sandbox_ward: Ward) -> None:
    person = sandbox_ward.admit()
    done(sandbox_ward, person)

    class Gapped(Lesser):
        """A source whose Procedures cannot be searched."""

        def search(self, kind: str, parameters: Any = ()) -> Any:
            """All but Procedures."""
            return super().search("Nonsense" if kind == "Procedure" else kind, parameters)

    client = Gapped(sandbox_ward.base)
    outcome = _with_source(sandbox_ward, person, client)
    assert [kind for kind, _ in outcome.incomplete] == ["Procedure"]
    assert reasons(only(sandbox_ward.ours(person)["DetectedIssue"])) == []


def _with_source(ward: Ward, person: str, source: Lesser) -> Any:
    with open_state(ward.state_url) as state:
        report = sync_once(source, source, state, evaluate, site=SITE, texts=Texts("en"), patients=[person])
    return report.outcomes[0]


class Broken(Lesser):
    """A source whose Observations fail on their way with a status, or come as something that is no FHIR (None)."""

    def __init__(self, base: str, status: int | None) -> None:
        super().__init__(base)
        self._status = status

    def search(self, kind: str, parameters: Any = ()) -> Any:
        """All but Observations."""
        if kind == "Observation":
            raise RemoteError("the search for Observation failed", self._status)
        return super().search(kind, parameters)


@pytest.mark.parametrize("status", [None, 302, 500, 503])
def test_a_read_that_broke_fails_the_patient_and_writes_nothing(sandbox_ward: Ward, status: int | None) -> None:
    person, later_dose, _ = course(sandbox_ward, "p1")
    done(sandbox_ward, person)
    before = sandbox_ward.versions(person)
    sandbox_ward.put(later_dose)
    outcome = _with_source(sandbox_ward, person, Broken(sandbox_ward.base, status))
    assert outcome.error is not None and outcome.error.startswith("Observation could not be read")
    assert outcome.done == () and [kind for kind, _ in outcome.incomplete] == ["Observation"]
    assert sandbox_ward.versions(person) == before
    assert done(sandbox_ward, person)


@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_a_type_that_the_server_does_not_offer_is_incomplete_and_results_are_written(
    sandbox_ward: Ward, status: int
) -> None:
    person = sandbox_ward.admit()
    outcome = _with_source(sandbox_ward, person, Broken(sandbox_ward.base, status))
    assert outcome.error is None and "create CarePlan" in outcome.done
    assert [kind for kind, _ in outcome.incomplete] == ["Observation"]


@pytest.mark.parametrize("abilities", LESSER[2:], ids=NAMES[2:])
def test_a_server_that_chose_the_ids_once_and_takes_ours_now_gets_nothing_twice(
    ward: Ward, abilities: dict[str, Any]
) -> None:
    person, later_dose, later_operation = course(ward, "p1")
    target = Lesser(ward.base, **abilities)
    only_outcome(ward, person, target=target)
    before, devices = ward.versions(person), len(ward.found("Device"))
    assert only_outcome(ward, person).done == only_outcome(ward, person, state_url="sqlite://").done == ()
    assert (ward.versions(person), len(ward.found("Device"))) == (before, devices)
    for fact in (later_dose, later_operation):
        ward.put(fact)
        assert not [write for write in done(ward, person) if write.startswith("create ") and "Provenance" not in write]
        assert done(ward, person) == ()
    assert {kind: len(found) for kind, found in ward.ours(person).items()} == {
        "CarePlan": 1, "DetectedIssue": 1, "Provenance": 2,
    }  # fmt: skip
    assert len(ward.found("Device")) == devices
