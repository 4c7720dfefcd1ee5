"""The proof that the real servers of the tests are real and answer."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import requests

from tests.servers import chromium as browser
from tests.servers import need
from tests.servers.hapi import running_hapi
from tests.servers.postgres import Postgres
from tests.servers.validator import Validator

FHIR = {"Content-Type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "id": "smoke-1", "active": True}


def test_hapi_says_that_it_speaks_r4(hapi: str) -> None:
    statement = requests.get(f"{hapi}/metadata", timeout=60).json()
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["software"]["version"] == "8.8.0"


def test_hapi_stores_a_transaction_with_ids_of_our_own_and_keeps_the_version_of_equal_content(hapi: str) -> None:
    entry = {"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/smoke-1"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    for _ in range(2):
        answer = requests.post(hapi, json=bundle, headers=FHIR, timeout=60)
        assert answer.status_code == 200, answer.text
    assert requests.get(f"{hapi}/Patient/smoke-1", timeout=60).json()["meta"]["versionId"] == "1"


def test_hapi_refuses_a_stale_version(hapi: str) -> None:
    requests.put(f"{hapi}/Patient/smoke-2", json=PATIENT | {"id": "smoke-2"}, headers=FHIR, timeout=60)
    changed = PATIENT | {"id": "smoke-2", "active": False}
    stale = requests.put(f"{hapi}/Patient/smoke-2", json=changed, headers=FHIR | {"If-Match": 'W/"7"'}, timeout=60)
    assert stale.status_code == 409


def test_hapi_validates_on_request(hapi: str) -> None:
    wrong = {"resourceType": "Patient", "birthDate": "2000-13-01"}
    answer = requests.post(f"{hapi}/Patient/$validate", json=wrong, headers=FHIR, timeout=60)
    assert "error" in {issue["severity"] for issue in answer.json()["issue"]}


def test_hapi_with_a_token_lets_nobody_else_in(tmp_path: Path, hapi: str) -> None:
    with running_hapi(tmp_path, "--token", "sesame") as url:
        assert requests.get(f"{url}/Patient", timeout=60).status_code == 401
        let_in = requests.get(f"{url}/Patient", headers={"Authorization": "Bearer sesame"}, timeout=60)
        assert let_in.json()["total"] == 0
        assert url != hapi


def test_a_hapi_that_cannot_start_shows_its_log(tmp_path: Path, hapi: str) -> None:
    with pytest.raises(need.Unavailable, match="unknown argument --nonsense"), running_hapi(tmp_path, "--nonsense"):
        pass


def test_the_validator_passes_what_is_right_and_names_what_is_wrong(hapi_validator: Validator) -> None:
    plan = {"resourceType": "CarePlan", "id": "c1", "status": "draft"}
    strange = {"resourceType": "Nothing", "id": "n1"}
    issues = hapi_validator([PATIENT, plan, PATIENT | {"unknown": 1}, strange, PATIENT])
    assert {issue.resource for issue in issues} == {"CarePlan/c1", "Patient/smoke-1", "Nothing/n1"}
    assert any("intent" in issue.message for issue in issues)


def test_postgres_hands_out_databases_that_are_empty_and_apart(postgres: Postgres, postgres_url: str) -> None:
    other = postgres.new_database()
    assert other != postgres_url
    plain = postgres_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_chromium_runs_the_scripts_of_a_page_and_photographs_it(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p id=p>no</p><script>document.getElementById('p').textContent = 'y' + 'es'</script>")
    assert '<p id="p">yes</p>' in browser.dump_dom(page.as_uri())
    browser.screenshot(page.as_uri(), tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert chromium == str(browser.PROGRAM)


@pytest.mark.parametrize(("ci", "outcome"), [("true", "Failed"), ("", "Skipped")])
def test_a_missing_server_fails_in_ci_and_is_skipped_loudly_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: str
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(need, "absent", [])
    with pytest.raises(BaseException) as ended:
        need.give_up(need.Unavailable("a server that is not there"))
    assert type(ended.value).__name__ == outcome
    assert need.absent == ([] if ci else ["a server that is not there"])
