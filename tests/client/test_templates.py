"""The prefetch templates, which any client must be able to resolve and any FHIR server to answer."""

from __future__ import annotations

import re

import pytest

from tests.client import cds
from tests.client.cds import HOOKS, Ehr
from tests.client.fhirserver import FakeFHIR
from tests.client.records import converting
from tests.client.search import Json

TOKENS = {
    "context.userId", "context.patientId", "context.encounterId",
    "userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId",
}  # fmt: skip
PARAMETER = re.compile(r"[a-z_][A-Za-z_-]*")
FORBIDDEN = ("_include", "_revinclude", "_elements", "_summary", "_has", "_filter")
DATES = ("date", "effective-time", "authored", "authoredon", "onset-date", "recorded-date", "started")
Templates = list[tuple[str, str]]


@pytest.fixture(scope="module")
def templates(ehr: Ehr) -> Templates:
    """Key and template of all services."""
    found = [pair for service in HOOKS for pair in ehr.templates(service).items()]
    assert found
    return found


def test_templates_are_a_read_or_a_search(templates: Templates) -> None:
    """cds-13: relative to the client's server."""
    for key, template in templates:
        assert not template.startswith(("http", "/")), key
        assert re.match(r"^[A-Z][A-Za-z]+(/[^/?]+$|\?.+$)", template), (key, template)


def test_templates_use_only_tokens_of_the_context(templates: Templates) -> None:
    """cds-14."""
    for key, template in templates:
        assert set(cds.TOKEN.findall(template)) <= TOKENS, (key, template)
        assert not re.search(r"[{}]", cds.TOKEN.sub("", template)), (key, template)


def test_searches_name_the_patient(templates: Templates) -> None:
    """cds-15."""
    searches = [(key, template) for key, template in templates if "?" in template]
    assert searches, "no template is a search"
    for key, template in searches:
        names = {name for name, value in cds.query(template) if "context.patientId" in value}
        assert names & {"patient", "subject", "_id"}, (key, template)


def test_templates_stay_in_the_portable_subset(templates: Templates) -> None:
    """cds-15: no modifier but `in`, no chaining, no includes, dates with the five comparisons only."""
    for key, template in templates:
        for spelled, value in cds.query(template):
            name, _, modifier = spelled.partition(":")
            assert modifier in ("", "in"), (key, name, modifier)
            assert name not in FORBIDDEN and PARAMETER.fullmatch(name), (key, name)
            if name in DATES:
                assert re.match(r"^(eq|lt|gt|ge|le)?(\d{4}|\{\{)", value), (key, value)


def test_a_count_is_a_number(templates: Templates) -> None:
    """cds-15."""
    counts = [value for _, template in templates for name, value in cds.query(template) if name == "_count"]
    assert counts, "no template has a count"
    assert all(value.isdigit() for value in counts), counts


def test_sorting_is_spelled_as_r4_does(templates: Templates) -> None:
    """cds-16."""
    for key, template in templates:
        for name, value in cds.query(template):
            assert not name.startswith("sort"), (key, name)
            assert name != "_sort" or re.match(r"^-?[a-z_][a-z-]*$", value), (key, value)


def test_no_parameter_is_repeated(templates: Templates) -> None:
    """cds-16: the public sandbox joins repeated parameters by commas."""
    for key, template in templates:
        names = [name for name, _ in cds.query(template)]
        assert len(set(names)) == len(names), (key, template)


def test_templates_resolved_literally_bring_the_whole_record(ehr: Ehr, fake: FakeFHIR) -> None:
    """cds-13: a plain FHIR server answers each, and no key of patient-view needs more than user and patient."""
    record = converting()
    fake.resources = record.resources
    got = cds.prefetch(ehr.templates(), fake, cds.hook_context(record))
    assert set(got) == set(ehr.templates())
    held = [one for value in got.values() if value for one in resources(value)]
    assert "Patient" in {one["resourceType"] for one in held}
    assert {one["id"] for one in record.resources} <= {one["id"] for one in held}


def resources(value: Json) -> list[Json]:
    return [entry["resource"] for entry in value["entry"]] if value["resourceType"] == "Bundle" else [value]


def test_an_encounter_is_never_needed(ehr: Ehr) -> None:
    """cds-51: an open launch sends none, and what is required must be had without it."""
    for service in HOOKS:
        needed = [t for t in ehr.templates(service).values() if re.match(r"Patient|Condition", t)]
        assert needed and all("encounterId" not in template for template in needed)
