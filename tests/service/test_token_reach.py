"""How far a call's token goes: to no redirected address, for no type that its scope leaves out, and once only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from adapter.service.clients import read_clients
from adapter.service.tokens import LONGEST_LIFE, SKEW, Untrusted, Verifier
from adapter.state import open_state
from adapter.state.prompt import Prompt
from adapter.state.replay import ReplayStore
from tests.servers.listening import Listening, Quiet
from tests.service.callers import DISCOVERY, ISS, T1, token, write_clients
from tests.service.conftest import PATIENT_VIEW, Json, hook_request
from tests.service.ehr import Ehr, running
from tests.service.test_request import AUTHORIZATION

LATE = "syn-05-bevacizumab-too-late"
NOON = 1_767_268_800
TOKEN = f"Bearer {AUTHORIZATION['access_token']}"


class Signpost:
    """A FHIR server that sends everybody to `target`; `asked`: path and token of every request."""

    def __init__(self, status: int) -> None:
        self.status, self.target, self.base = status, "", ""
        self.asked: list[tuple[str, str | None]] = []


@contextmanager
def redirecting(status: int) -> Iterator[Signpost]:
    """The server on a free port while the block runs."""
    post = Signpost(status)

    class Answers(Quiet):
        def do_GET(self) -> None:
            post.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(post.status)
            self.send_header("Location", post.target + self.path.removeprefix("/fhir"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

    with closing(Listening(Answers)) as server:
        post.base = f"{server.origin}/fhir"
        yield post


@pytest.fixture
def elsewhere(charts: dict[str, list[Json]]) -> Iterator[Ehr]:
    """Another host (another port is one), which would answer."""
    with running(charts[LATE]) as server:
        yield server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("same_host", [False, True], ids=["another host", "the same host"])
@pytest.mark.parametrize("lacking", ["patient", "procedures"])
def test_a_redirect_is_not_followed_with_the_token(
    client: TestClient, charts: dict[str, list[Json]], elsewhere: Ehr, status: int, same_host: bool, lacking: str
) -> None:
    """cds-22, cds-24: neither elsewhere nor to another path; the data lack, and the answer says so."""
    with redirecting(status) as post:
        post.target = f"{post.base}/moved" if same_host else elsewhere.base
        request = hook_request(charts[LATE], fhirServer=post.base, fhirAuthorization=AUTHORIZATION)
        del request["prefetch"][lacking]
        answer = client.post(PATIENT_VIEW, json=request)
        assert elsewhere.asked == [] and post.asked and {sent for _, sent in post.asked} == {TOKEN}
        assert not [path for path, _ in post.asked if "moved" in path]
    if lacking == "patient":
        assert answer.status_code == 412 and answer.json()["issue"][0]["diagnostics"].startswith("patient:")
    else:
        assert answer.status_code == 200
        assert [card for card in answer.json()["cards"] if "- Procedure: the FHIR server " in card["detail"]]


@pytest.mark.parametrize(
    ("scope", "read"),
    [
        ("patient/Patient.read", True),
        ("user/Patient.r", True),
        ("user/Patient.cruds", True),
        ("system/*.rs", True),
        ("patient/Patient.*", True),
        ("patient/Observation.rs user/Patient.rs", True),
        ("user/Patient.write", False),
        ("patient/Patient.s", False),
        ("patient/Patient.cud", False),
        ("patient/Observation.read", False),
        ("openid fhirUser launch", False),
        ("patient/Patient.readwrite", False),
        ("Patient.read", False),
    ],
)
def test_the_patient_is_read_where_the_scope_permits_reading_only(
    client: TestClient, charts: dict[str, list[Json]], elsewhere: Ehr, scope: str, read: bool
) -> None:
    """cds-23, cds-24: `write` is no reading, and searching (`s`) is not reading by id (`r`)."""
    access = {**AUTHORIZATION, "scope": scope}
    request = hook_request(charts[LATE], fhirServer=elsewhere.base, fhirAuthorization=access)
    del request["prefetch"]["patient"]
    answer = client.post(PATIENT_VIEW, json=request)
    assert bool(elsewhere.asked) is read
    assert answer.status_code == (200 if read else 412)
    assert read or "the token's scope does not cover Patient" in answer.text


@pytest.mark.parametrize(
    ("scope", "read"),
    [
        ("patient/Procedure.s", True),
        ("patient/Procedure.read", True),
        ("patient/Procedure.r", False),
        ("patient/Procedure.write", False),
        ("patient/Procedure.cud", False),
    ],
)
def test_a_search_is_made_where_the_scope_permits_searching_only(
    client: TestClient, charts: dict[str, list[Json]], elsewhere: Ehr, scope: str, read: bool
) -> None:
    """cds-23, cds-24"""
    access = {**AUTHORIZATION, "scope": scope}
    request = hook_request(charts[LATE], fhirServer=elsewhere.base, fhirAuthorization=access)
    del request["prefetch"]["procedures"]
    answer = client.post(PATIENT_VIEW, json=request)
    assert answer.status_code == 200 and bool(elsewhere.asked) is read
    assert ("- Procedure: the token's scope" in answer.text) is not read


@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
def test_a_token_is_not_accepted_twice_in_its_last_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: float
) -> None:
    """cds-41: exp = now - 60 still holds by whole seconds, and so long its jti must be remembered.

    The clock stands still, so no machine is too slow for the last second. A store forgets what has expired at its first
    use and then once a minute; since no minute passes here, each round has the new store of a worker that starts.
    """
    now = NOON + part
    clients = read_clients(write_clients(tmp_path))
    state = f"sqlite:///{tmp_path / 'state.db'}"
    with open_state(state):
        engine = sa.create_engine(state)
    monkeypatch.setattr(time, "time", lambda: now)

    def worker() -> Verifier:
        return Verifier(clients, ReplayStore(Prompt(engine), lambda: now).first_use)

    last = NOON - SKEW
    header = token(iat=last - 300, exp=last, jti="last", **T1)["Authorization"]
    assert worker().verify(header, DISCOVERY).iss == ISS
    for number in range(3):
        verifier = worker()
        another = token(iat=last, exp=last + LONGEST_LIFE, jti=f"j{number}", **T1)["Authorization"]
        assert verifier.verify(another, DISCOVERY), "at which the store forgets what has expired"
        with pytest.raises(Untrusted, match="jti was used before"):
            verifier.verify(header, DISCOVERY)
    over = token(iat=last - 300, exp=last - 1, **T1)["Authorization"]
    with pytest.raises(Untrusted, match="expired"):
        verifier.verify(over, DISCOVERY)
    engine.dispose()
