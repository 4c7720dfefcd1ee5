"""The public key of the service, for the FHIR servers where it signs in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, RSAKey
from starlette.testclient import TestClient

from tests.service.callers import app_in, write_clients

KEYS = "/.well-known/jwks.json"


@pytest.mark.parametrize("key", [ECKey.generate_key("P-384", {"kid": "e"}), RSAKey.generate_key(2048, {"kid": "r"})])
def test_the_public_part_of_the_key_is_there_for_everybody_and_the_private_part_is_not(
    tmp_path: Path, key: ECKey | RSAKey
) -> None:
    write_clients(tmp_path)
    private = key.as_dict(private=True)
    (tmp_path / "own.json").write_text(json.dumps({**private, "note": "of the hospital"}))
    with app_in(tmp_path, HCC_SMART_KEY=str(tmp_path / "own.json")) as caller:
        answer = caller.get(KEYS)
    assert answer.status_code == 200
    (published,) = answer.json()["keys"]
    assert {"kty", "kid"} <= set(published) <= set(key.as_dict(private=False))
    assert str(private["d"]) not in answer.text and "hospital" not in answer.text


def test_without_a_key_the_set_is_empty(client: TestClient) -> None:
    assert client.get(KEYS).json() == {"keys": []}


def test_a_key_that_cannot_be_read_is_told_without_its_content(tmp_path: Path) -> None:
    write_clients(tmp_path)
    (tmp_path / "own.json").write_text('{"kty": "EC", "d": "s3cret"}')
    with app_in(tmp_path, HCC_SMART_KEY=str(tmp_path / "own.json")) as caller:
        answer = caller.get(KEYS)
    assert answer.status_code == 503 and "HCC_SMART_KEY" in answer.text and "s3cret" not in answer.text
