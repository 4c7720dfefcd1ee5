"""Claims of a token: audience, times, tenant, and each one missing or of the wrong type."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.client.cds import SIGN, VIEW
from tests.client.said import overridden
from tests.client.trusting import DISCOVERY, FEEDBACK_PATH, VIEW_PATH, Trusted, bare_401

FEEDBACK = {"feedback": [overridden()]}


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "jti"])
def test_a_required_claim_is_missed(trusted: Trusted, name: str) -> None:
    """cds-38."""
    claims: dict[str, Any] = {"aud": trusted.aud(VIEW_PATH), name: ...}
    bare_401(trusted.view(trusted.main.token(**claims)))


WRONG: list[tuple[str, Any]] = [
    ("exp", "soon"), ("exp", None), ("iat", "x"), ("iat", []), ("jti", 5), ("jti", ""), ("iss", 5),
    ("iss", ["https://ehr.example/main"]), ("exp", 1e400), ("exp", -1), ("exp", 10**30),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: repr(value)[:12])
def test_a_claim_of_the_wrong_type_is_refused(trusted: Trusted, name: str, value: Any) -> None:
    """cds-43."""
    bare_401(trusted.view(trusted.viewer(**{name: value})))


def test_a_list_of_audiences_may_name_the_service(trusted: Trusted) -> None:
    """cds-38."""
    elsewhere = "https://elsewhere.example"
    assert trusted.view(trusted.main.token([elsewhere, trusted.aud(VIEW_PATH)])).status_code == 200
    bare_401(trusted.view(trusted.main.token([elsewhere])))
    bare_401(trusted.view(trusted.main.token([])))


def test_one_trailing_slash_is_ignored(trusted: Trusted) -> None:
    """cds-40."""
    assert trusted.view(trusted.main.token(trusted.aud(VIEW_PATH) + "/")).status_code == 200


def test_two_trailing_slashes_are_not_one(trusted: Trusted) -> None:
    """cds-40."""
    bare_401(trusted.view(trusted.main.token(trusted.aud(VIEW_PATH) + "//")))


@pytest.mark.parametrize(
    "path", ["", DISCOVERY, f"{DISCOVERY}/{SIGN}", f"{VIEW_PATH}/../{SIGN}", f"{VIEW_PATH}x", FEEDBACK_PATH]
)
def test_the_audience_of_another_endpoint_is_refused(trusted: Trusted, path: str) -> None:
    """cds-40."""
    bare_401(trusted.view(trusted.main.token(trusted.aud(path))))


@pytest.mark.parametrize("aud", [f"https://evil.example{DISCOVERY}/{VIEW}", "sand_man", VIEW, "*", None])
def test_the_audience_of_somewhere_else_is_refused(trusted: Trusted, aud: str | None) -> None:
    """cds-40."""
    bare_401(trusted.view(trusted.main.token(aud)))


def test_feedback_has_its_own_audience(trusted: Trusted) -> None:
    """cds-32, cds-40."""
    token = trusted.main.token(trusted.aud(FEEDBACK_PATH))
    assert trusted.call(token, FEEDBACK_PATH, FEEDBACK).status_code == 200
    other = trusted.main.token(trusted.aud(f"{DISCOVERY}/{SIGN}/feedback"))
    bare_401(trusted.call(other, FEEDBACK_PATH, FEEDBACK))
    bare_401(trusted.call(None, FEEDBACK_PATH, FEEDBACK))


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded"])
def test_the_audience_is_not_built_from_headers(trusted: Trusted, header: str) -> None:
    """cds-40."""
    value = "host=evil.example;proto=http" if header == "Forwarded" else "evil.example"
    token = trusted.main.token(f"http://evil.example{VIEW_PATH}")
    bare_401(trusted.call(token, VIEW_PATH, {}, {header: value, "X-Forwarded-Proto": "http"}))


def test_a_foreign_host_header_does_not_hurt(trusted: Trusted) -> None:
    """cds-40."""
    assert trusted.discover(trusted.main.token(trusted.aud()), Host="proxy.internal").status_code == 200


def test_the_public_address_is_the_audience(workers: Trusted) -> None:
    """cds-40."""
    assert workers.view(workers.viewer()).status_code == 200
    bare_401(workers.view(workers.main.token(workers.url + VIEW_PATH)))


TIMES = [
    (300, 0, True), (-30, -200, True), (-120, -300, False), (-100_000, -100_100, False), (300, 30, True),
    (900, 600, False), (3500, 0, True), (7200, 0, False), (86400, 0, False), (10, 200, False),
]  # fmt: skip


@pytest.mark.parametrize(("expires", "issued", "good"), TIMES)
def test_times_hold_within_a_minute_and_for_an_hour(trusted: Trusted, expires: int, issued: int, good: bool) -> None:
    """cds-41: in seconds from now."""
    now = int(time.time())
    response = trusted.view(trusted.viewer(exp=now + expires, iat=now + issued))
    if good:
        assert response.status_code == 200
    else:
        bare_401(response)


def test_a_tenant_of_the_list_is_taken(trusted: Trusted) -> None:
    """cds-38."""
    assert trusted.view(trusted.viewer("tenant", tenant="t1")).status_code == 200


@pytest.mark.parametrize("wrong", ["t2", "T1", "", 5, ["t1"]], ids=repr)
def test_another_tenant_is_refused(trusted: Trusted, wrong: Any) -> None:
    """cds-38."""
    bare_401(trusted.view(trusted.viewer("tenant", tenant=wrong)))
