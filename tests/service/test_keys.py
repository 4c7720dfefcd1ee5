"""Keys of callers at an address: when they are asked for, what is used of them, and that nothing leads elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.testclient import TestClient

from tests.service.callers import ISS, KEY, RSA, KeyServer, app_in, key_set, status, token

PUBLIC_PART: dict[str, Any] = KEY.as_dict(private=False)


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
    """cds-37, cds-42."""
    assert [status(by_address, token(header={"jku": keys.url})) for _ in range(3)] == [200, 200, 200]
    assert keys.asked == 1


def test_another_address_in_the_token_is_refused_and_never_asked(by_address: TestClient, keys: KeyServer) -> None:
    """cds-41, cds-42: the list of jku is one address long."""
    elsewhere = KeyServer()
    try:
        assert status(by_address, token(header={"jku": elsewhere.url})) == 401
        assert status(by_address, token(header={"jku": f"{keys.url}?x"})) == 401
        assert status(by_address, token(header={"jku": [keys.url]})) == 401
        assert elsewhere.asked == keys.asked == 0
    finally:
        elsewhere.stop()


def test_a_redirect_of_the_key_address_is_not_followed(by_address: TestClient, keys: KeyServer) -> None:
    """cds-42."""
    keys.status = 302
    assert status(by_address, token()) == 401
    assert keys.asked == 1


def test_unknown_key_ids_do_not_make_the_service_ask_again_and_again(by_address: TestClient, keys: KeyServer) -> None:
    """cds-42: one more look, and no more within a minute."""
    assert status(by_address, token()) == 200
    assert [status(by_address, token(header={"kid": f"u{n}"})) for n in range(5)] == [401] * 5
    assert keys.asked == 1
    assert status(by_address, token()) == 200


def test_unknown_key_ids_at_once_ask_once(by_address: TestClient, keys: KeyServer) -> None:
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda n: status(by_address, token(header={"kid": f"u{n}"})), range(6)))
    assert (answers, keys.asked) == ([401] * 6, 1)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps({"keys": [PUBLIC_PART], "pad": "x" * (1 << 20)}), id="larger than 1 MiB"),
        pytest.param("<html>", id="no JSON"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="without keys"),
        pytest.param('{"keys": {}}', id="keys no list"),
        pytest.param('{"keys": [5, null, "x", {}]}', id="keys that are none"),
        pytest.param(json.dumps({"keys": [KEY.as_dict(private=True)]}), id="private"),
        pytest.param(json.dumps({"keys": [{**PUBLIC_PART, "use": "enc"}]}), id="for encryption"),
        pytest.param(json.dumps({"keys": [{**PUBLIC_PART, "key_ops": ["encrypt"]}]}), id="not to verify"),
        pytest.param(json.dumps({"keys": [{**PUBLIC_PART, "x": "AA"}]}), id="not on its curve"),
        pytest.param(
            json.dumps({"keys": [{**OctKey.generate_key(256).as_dict(private=True), "kid": "k1"}]}), id="symmetric"
        ),
    ],
)
def test_a_key_set_that_cannot_be_trusted_trusts_nobody(by_address: TestClient, keys: KeyServer, body: str) -> None:
    """cds-42, cds-43."""
    keys.body = body
    assert status(by_address, token()) == 401


def test_a_key_that_cannot_be_used_does_not_spoil_the_others(by_address: TestClient, keys: KeyServer) -> None:
    """cds-42: what one key lacks is no fault of its neighbours."""
    odd = [
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "o"},
        KEY.as_dict(private=True),
        {"kty": "EC", "kid": "k1"},
    ]
    keys.body = json.dumps({"keys": [*odd, PUBLIC_PART, RSA.as_dict(private=False)]})
    assert status(by_address, token()) == 200
    assert status(by_address, token(key=RSA, algorithm="RS384", header={"kid": "r1"})) == 200


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_short_rsa_key_is_not_used(by_address: TestClient, keys: KeyServer) -> None:
    short = RSAKey.generate_key(1024, {"kid": "short"})
    keys.body = key_set(short)
    assert status(by_address, token(key=short, algorithm="RS384", header={"kid": "short"})) == 401


def test_a_key_on_another_curve_does_not_sign_for_es384(by_address: TestClient, keys: KeyServer) -> None:
    """cds-39: the algorithm says which curve."""
    other = ECKey.generate_key("P-256", {"kid": "k1"})
    keys.body = key_set(other)
    assert status(by_address, token(key=other, algorithm="ES256")) == 401
    assert status(by_address, token()) == 401


def test_an_address_that_hangs_keeps_nobody_of_another_issuer_waiting(tmp_path: Path, keys: KeyServer) -> None:
    """cds-42."""
    keys.wait = 2.0
    (tmp_path / "keys.json").write_text(key_set(KEY))
    (tmp_path / "clients.toml").write_text(
        f'[[client]]\niss = "{ISS}"\njwks = "keys.json"\n'
        f'[[client]]\niss = "https://slow.example.org"\njku = "{keys.url}"\n'
    )
    with app_in(tmp_path) as caller, ThreadPoolExecutor(1) as slow:
        waiting = slow.submit(status, caller, token(iss="https://slow.example.org"))
        time.sleep(0.3)
        assert status(caller, token()) == 200
        assert not waiting.done()
        assert waiting.result() == 200
