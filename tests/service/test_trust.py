"""Tokens of CDS Hooks callers: which are trusted, and that a fault is a bare 401."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.testclient import TestClient

from adapter.errors import SettingError, UsageError
from adapter.service.app import create_app
from adapter.service.clients import read_clients
from adapter.service.site import Site
from adapter.state import open_state
from adapter.terminology.strangers import Stranger
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in

ISS = "https://ehr.example.org"
KEY = ECKey.generate_key("P-384", {"kid": "k1", "alg": "ES384", "use": "sig"})
OTHER = ECKey.generate_key("P-384", {"kid": "k1", "alg": "ES384", "use": "sig"})
RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
DISCOVERY = f"{PUBLIC}/cds-services"


def key_set(*keys: ECKey | RSAKey) -> str:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


def token(
    url: str = DISCOVERY, *, key: Any = KEY, header: Json | None = None, algorithm: str = "ES384", **claims: Any
) -> dict[str, str]:
    """The header with a token that holds but for what is changed; a claim or header of None is left out."""
    now = int(time.time())
    body = {"iss": ISS, "aud": url, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4()), **claims}
    head = {"alg": algorithm, "typ": "JWT", "kid": "k1", **(header or {})}
    cleaned = [{k: v for k, v in part.items() if v is not None} for part in (head, body)]
    return {"Authorization": f"Bearer {jwt.encode(cleaned[0], cleaned[1], key, algorithms=[algorithm])}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_text(key_set(KEY, RSA))
    (tmp_path / "clients.toml").write_text(
        f'[[client]]\niss = "{ISS}"\njwks = "keys.json"\ntenants = ["t1"]\n'
        'fhir_servers = ["https://fhir.ehr.example.org/r4/"]\n'
        '[[client]]\niss = "https://other.example.org"\njwks = "keys.json"\nservices = ["none"]\n'
    )
    return tmp_path


def app_in(folder: Path) -> TestClient:
    settings = settings_in(folder, HCC_CLIENTS=str(folder / "clients.toml"))
    return TestClient(create_app(Site(settings, PUBLIC, frozen=AS_OF)))


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with app_in(folder) as caller:
        yield caller


def status(client: TestClient, headers: dict[str, str] | None) -> int:
    answer = client.get("/cds-services", headers=headers)
    if answer.status_code == 401:
        assert answer.content == b""
    return answer.status_code


T1: dict[str, Any] = {"tenant": "t1"}


def test_a_token_that_holds_is_accepted_for_discovery_call_and_feedback(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    assert status(client, token(**T1)) == 200
    url = PUBLIC + PATIENT_VIEW
    chart = charts["syn-01-eligible"]
    assert client.post(PATIENT_VIEW, json=hook_request(chart), headers=token(url, **T1)).status_code == 200
    headers = token(f"{url}/feedback", **T1)
    assert client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": []}, headers=headers).status_code == 200


def test_an_rsa_key_an_array_of_audiences_and_a_trailing_slash_are_accepted(client: TestClient) -> None:
    assert status(client, token(key=RSA, algorithm="RS384", header={"kid": "r1"}, **T1)) == 200
    assert status(client, token(aud=["https://x.example", DISCOVERY], **T1)) == 200
    assert status(client, token(f"{DISCOVERY}/", **T1)) == 200


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: {"Authorization": "Basic YTpi"},
        lambda: {"Authorization": "Bearer"},
        lambda: {"Authorization": "Bearer a.b.c"},
        lambda: token(iss="https://evil.example", **T1),
        lambda: token(iss=None, **T1),
        lambda: token(aud="http://127.0.0.1:8000/cds-services", **T1),
        lambda: token(f"{PUBLIC}/cds-services/other", **T1),
        lambda: token(aud=None, **T1),
        lambda: token(exp=int(time.time()) - 3600, iat=int(time.time()) - 3900, **T1),
        lambda: token(exp=None, **T1),
        lambda: token(iat=None, **T1),
        lambda: token(iat=int(time.time()) + 600, exp=int(time.time()) + 900, **T1),
        lambda: token(exp=int(time.time()) + 7200, **T1),
        lambda: token(nbf=int(time.time()) + 600, **T1),
        lambda: token(jti=None, **T1),
        lambda: token(tenant="t2"),
        lambda: token(),
        lambda: token(key=OTHER, **T1),
        lambda: token(header={"kid": "unknown"}, **T1),
        lambda: token(header={"kid": None}, **T1),
        lambda: token(header={"typ": "at+jwt"}, **T1),
        lambda: token(key=OctKey.import_key("s" * 64), algorithm="HS256", **T1),
        lambda: token(key=OctKey.import_key(key_set(KEY)), algorithm="HS256", **T1),
        lambda: token(key=RSA, algorithm="RS256", header={"kid": "r1"}, **T1),
    ],
    ids=lambda make: "",
)
def test_any_fault_of_a_token_is_a_bare_401(client: TestClient, make: Callable[[], dict[str, str] | None]) -> None:
    assert status(client, make()) == 401


def test_a_token_without_signature_is_refused(client: TestClient) -> None:
    head, body, _ = token(**T1)["Authorization"].removeprefix("Bearer ").split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT","kid":"k1"}').rstrip(b"=").decode()
    assert status(client, {"Authorization": f"Bearer {none}.{body}."}) == 401
    assert status(client, {"Authorization": f"Bearer {head}.{body}."}) == 401


def test_a_token_is_used_once_also_across_workers(folder: Path, client: TestClient) -> None:
    headers = token(**T1)
    assert [status(client, headers), status(client, headers)] == [200, 401]
    with app_in(folder) as second:
        assert status(second, headers) == 401


def test_the_host_header_does_not_change_the_audience(client: TestClient) -> None:
    headers = {**token("https://evil.example/cds-services", **T1), "Host": "evil.example"}
    assert status(client, headers) == 401
    assert status(client, {**token(**T1), "Host": "evil.example"}) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/evaluate", "/patients/p1/assessment", "/nowhere"])
def test_everything_else_needs_one(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_verified_caller_may_name_only_its_own_fhir_server_and_services(
    client: TestClient, charts: dict[str, list[Json]]
) -> None:
    url, request = PUBLIC + PATIENT_VIEW, hook_request(charts["syn-01-eligible"])
    foreign = {**request, "fhirServer": "https://foreign.example.org/fhir"}
    assert client.post(PATIENT_VIEW, json=foreign, headers=token(url, **T1)).status_code == 403
    own = {**request, "fhirServer": "https://fhir.ehr.example.org/r4"}
    assert client.post(PATIENT_VIEW, json=own, headers=token(url, **T1)).status_code == 200
    other = token(url, iss="https://other.example.org")
    assert client.post(PATIENT_VIEW, json=request, headers=other).status_code == 403


class KeyServer:
    """A key set at an address."""

    def __init__(self) -> None:
        self.body, self.status, self.asked = key_set(KEY), 200, 0
        server = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                self.send_response(server.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(server.body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/jwks"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.stop()


@pytest.fixture
def by_address(tmp_path: Path, keys: KeyServer) -> Iterator[TestClient]:
    (tmp_path / "clients.toml").write_text(f'[[client]]\niss = "{ISS}"\njku = "{keys.url}"\n')
    with app_in(tmp_path) as caller:
        yield caller


def test_keys_come_from_the_trusted_address_and_are_kept(by_address: TestClient, keys: KeyServer) -> None:
    assert [status(by_address, token(header={"jku": keys.url})) for _ in range(3)] == [200, 200, 200]
    assert keys.asked == 1


def test_another_address_in_the_token_is_refused_and_never_asked(by_address: TestClient, keys: KeyServer) -> None:
    elsewhere = KeyServer()
    try:
        assert status(by_address, token(header={"jku": elsewhere.url})) == 401
        assert elsewhere.asked == 0
    finally:
        elsewhere.stop()


def test_a_redirect_of_the_key_address_is_not_followed(by_address: TestClient, keys: KeyServer) -> None:
    keys.status = 302
    assert status(by_address, token()) == 401
    assert keys.asked == 1


def test_unknown_key_ids_do_not_make_the_service_ask_again_and_again(by_address: TestClient, keys: KeyServer) -> None:
    assert status(by_address, token()) == 200
    assert [status(by_address, token(header={"kid": f"u{n}"})) for n in range(5)] == [401] * 5
    assert keys.asked == 1
    assert status(by_address, token()) == 200


def test_a_rotated_key_in_the_file_is_found(folder: Path) -> None:
    fresh = ECKey.generate_key("P-384", {"kid": "k2", "alg": "ES384"})
    with app_in(folder) as caller:
        (folder / "keys.json").write_text(key_set(KEY, fresh))
        assert status(caller, token(key=fresh, header={"kid": "k2"}, **T1)) == 200


def test_with_nobody_trusted_the_service_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="HCC_CLIENTS"):
        create_app(Site(settings_in(tmp_path), PUBLIC))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "\\[\\[client\\]\\]"),
        ("client = 3", "\\[\\[client\\]\\]"),
        ("[[client]]\niss = 'https://a'", "jwks"),
        ("[[client]]\njwks = 'k'", "iss"),
        ("[[client]]\niss = 'https://a'\njwks = 'k'\njku = 'https://a/k'", "one of"),
        ("[[client]]\niss = 'https://a'\njwks = 'k'\ntenant = ['x']", "nearest is tenants"),
        ("[[client]]\niss = 'https://a'\njwks = 'k'\nalgorithms = ['HS256']", "HS256"),
        ("[[client]]\niss = 'https://a'\njwks = 'k'\nalgorithms = ['none']", "none"),
        ("[[client]]\niss = 'https://a'\njku = 'http://a/k'", "https"),
        ("[[client]]\niss = 'https://a'\njwks = 'k'\n[[client]]\niss = 'https://a'\njwks = 'k'", "twice"),
        ("[[client]]\niss = 'https://sandbox.cds-hooks.org'\njwks = 'k'", "private key"),
        ("[[client", "TOML"),
    ],
)
def test_a_wrong_file_of_clients_says_what_is_wrong(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=wanted):
        read_clients(path)


def test_the_public_sandbox_is_trusted_only_as_an_explicit_test(tmp_path: Path) -> None:
    path = tmp_path / "clients.toml"
    path.write_text("[[client]]\niss = 'https://sandbox.cds-hooks.org'\njwks = 'k'\ntest = true\n")
    assert list(read_clients(path)) == ["https://sandbox.cds-hooks.org"]


def test_the_ledger_of_codes_is_for_trusted_callers_and_shows_the_servers_that_they_may_name(
    folder: Path, client: TestClient
) -> None:
    own, other = "https://fhir.ehr.example.org/r4", "https://elsewhere.example.org/fhir"
    with open_state(f"sqlite:///{folder / 'state.db'}") as state:
        for source in (own, other):
            met = Stranger("Observation/o1", "http://h.example/lab", "X", "x", "unknown")
            state.strangers.put(source, "Patient/p1", [met], "2024-05-01T00:00:00+00:00")
    url = f"{PUBLIC}/mappings/unmapped"
    assert client.get("/mappings/unmapped").status_code == 401
    answer = client.get("/mappings/unmapped", headers=token(url, **T1))
    assert [ledger["source"] for ledger in answer.json()["sources"]] == [own]
