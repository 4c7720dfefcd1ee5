"""Keys at the addresses where callers publish them: the end of the room, since a minute must have passed."""

from __future__ import annotations

import time

from tests.client.keyserver import KeyServer
from tests.client.tokens import Client
from tests.client.trusting import Trusted, bare_401

PATIENCE = 150
"""More than twice the minute after which the keys may be asked for again."""


def test_keys_come_from_the_listed_address_and_are_kept(keyed: Trusted, keys: KeyServer) -> None:
    """cds-42."""
    jku = {"jku": f"{keys.host}/main.json"}
    for header in (jku, {}, jku, {}):
        assert keyed.discover(keyed.main.token(keyed.aud(), header)).status_code == 200
    assert keys.log.count("/main.json") <= 2


def test_unknown_kids_do_not_flood_the_key_server(keyed: Trusted, keys: KeyServer) -> None:
    """cds-42."""
    keys.log.clear()
    for number in range(15):
        bare_401(keyed.discover(keyed.main.token(keyed.aud(), {"kid": f"random-{number}"})))
    assert len(keys.log) <= 3, keys.log


def test_an_address_off_the_list_is_never_asked(keyed: Trusted, keys: KeyServer) -> None:
    """cds-41."""
    thief = Client(keyed.main.iss)
    keys.sets["/thief.json"] = thief.jwks()
    header = {"jku": f"{keys.host}/thief.json"}
    for client in (thief, keyed.main):
        bare_401(keyed.discover(client.token(keyed.aud(), header)))
    assert "/thief.json" not in keys.log


def test_a_redirect_is_not_followed(keyed: Trusted, keys: KeyServer) -> None:
    """cds-42."""
    bare_401(keyed.discover(keyed.clients["bouncing"].token(keyed.aud())))
    assert "/bouncing.json" in keys.log and "/real.json" not in keys.log


def test_a_rotated_key_is_found_once(keyed: Trusted, keys: KeyServer) -> None:
    """cds-42: within a minute of the last look, which was the first call of this room."""
    old = keyed.clients["rotating"]
    fresh = Client(old.iss)
    keys.sets["/rotating.json"] = {"keys": old.jwks()["keys"] + fresh.jwks()["keys"]}
    end = time.monotonic() + PATIENCE
    while (response := keyed.discover(fresh.token(keyed.aud()))).status_code != 200 and time.monotonic() < end:
        bare_401(response)
        time.sleep(0.5)
    assert response.status_code == 200
    assert keyed.discover(old.token(keyed.aud())).status_code == 200
