"""Everything that is written, judged by the reference validator."""

from __future__ import annotations

from typing import Any

from adapter.guideline.model import Due, Finding
from adapter.output.evaluated import EvaluatedPatient, WriteSite
from adapter.output.wordbook import Texts
from adapter.output.write_set import patient_bundle
from adapter.sandbox.running import running_sandbox
from tests.output.test_pathway import CASES, STATES, plan
from tests.servers.validator import Validator
from tests.sync.servers import Lesser
from tests.sync.test_round_trip import done
from tests.sync.ward import BASE, Ward

AT = "2024-05-01T10:00:00+00:00"


def test_every_resource_of_a_whole_course_is_valid(sandbox_ward: Ward, hapi_validator: Validator) -> None:
    ward, person = sandbox_ward, sandbox_ward.admit()
    done(ward, person)
    written: list[dict[str, Any]] = _held(ward, person)
    ward.put(ward.dose(person, "2024-04-20"))
    done(ward, person)
    ward.delete(f"MedicationAdministration/{person}-m")
    done(ward, person)
    ward.delete(f"Condition/{person}-c")
    done(ward, person)
    written += _held(ward, person)
    for refused in ({"CarePlan"}, {"CarePlan", "DocumentReference"}):
        ward.admit(name="p2")
        done(ward, "p2", target=Lesser(ward.base, refuses=frozenset(refused)))
    written += [*ward.found("DocumentReference"), *ward.found("Communication"), *ward.found("Device")]
    kinds = {resource["resourceType"] for resource in written}
    assert kinds == {"CarePlan", "DetectedIssue", "Provenance", "Device", "DocumentReference", "Communication"}
    assert hapi_validator(written) == []


def test_results_on_another_server_are_valid(sandbox_ward: Ward, hapi_validator: Validator) -> None:
    person = sandbox_ward.admit()
    with running_sandbox() as other:
        site = WriteSite(BASE, "0.1.0", "2024", source=sandbox_ward.base, elsewhere=True)
        there = Ward(other, sandbox_ward.folder)
        done(sandbox_ward, person, target=there.client(), site=site)
        written = [r for kind in ("CarePlan", "DetectedIssue", "Provenance") for r in there.found(kind)]
    assert len(written) == 3
    assert hapi_validator(written) == []


def test_bundles_with_little_and_with_odd_content_are_valid(hapi_validator: Validator) -> None:
    from adapter.guideline.model import Assessment, Staging

    odd = Finding(
        code="toxicity.ctcae", outcome="grade-4", kind="issue", severity="critical", statements=("C24-17",),
        cause="麻疹 <b>&\u200bodd", evidence=("Bundle.entry[3]", "https://other.example.org/fhir/Observation/1"),
        due=Due(latest="2024-06-01"), preliminary=True,
    )  # fmt: skip
    bundles = []
    for findings in ((), (odd,)):
        for lang in ("en", "zh"):
            assessment = Assessment("Patient/x", AT, "strictest", "baseline", Staging(), None, findings)
            patient = EvaluatedPatient(assessment, {}, None)
            for active in (False, True):
                site = WriteSite(BASE, "0.1.0", "strictest", plan_active=active)
                bundles.append(patient_bundle(patient, site, Texts(lang), AT))
    assert {len(bundle["entry"]) for bundle in bundles} == {3, 4}
    assert hapi_validator(bundles) == []


def test_every_step_of_the_pathway_is_valid_in_both_languages(hapi_validator: Validator) -> None:
    plans = [plan(case, lang=lang) for case in CASES.values() for lang in ("en", "zh")]
    assert {a["detail"]["status"] for held in plans for a in held["activity"]} == STATES
    assert hapi_validator(plans) == []


def _held(ward: Ward, person: str) -> list[dict[str, Any]]:
    return [resource for found in ward.ours(person).values() for resource in found]
