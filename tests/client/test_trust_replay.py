"""A token opens once, whichever worker sees it and whenever."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.client import cds
from tests.client.conftest import running
from tests.client.process import client_table, write_clients
from tests.client.tokens import Client, payload
from tests.client.trusting import DISCOVERY, VIEW_PATH, Trusted, bare_401


def test_a_token_that_comes_again_is_refused(trusted: Trusted) -> None:
    """cds-41: so is another token with its id."""
    token = trusted.viewer()
    assert trusted.view(token).status_code == 200
    bare_401(trusted.view(token))
    bare_401(trusted.view(trusted.viewer(jti=payload(token)["jti"])))


def test_a_token_that_failed_does_not_burn_its_id(trusted: Trusted) -> None:
    """cds-41."""
    jti = str(uuid.uuid4())
    thief = Client(trusted.main.iss, kid=trusted.main.kid)
    bare_401(trusted.view(thief.token(trusted.aud(VIEW_PATH), jti=jti)))
    bare_401(trusted.view(trusted.main.token("https://elsewhere.example", jti=jti)))
    assert trusted.view(trusted.viewer(jti=jti)).status_code == 200


def test_one_token_opens_once_at_all_workers(workers: Trusted) -> None:
    """cds-41."""
    workers.view(workers.viewer())
    token = workers.viewer()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: workers.view(token).status_code, range(12)))
    assert sorted(answers) == [200] + [401] * 11


def test_a_token_that_comes_again_after_a_restart_is_refused(homes: Path) -> None:
    """cds-41."""
    home = homes / "restart"
    home.mkdir()
    client, public = Client("https://ehr.example/restart"), "https://cds.example.org"
    clients = write_clients(home, client_table(client, home))
    head = {"Authorization": f"Bearer {client.token(public + DISCOVERY)}"}
    answers = []
    for _ in range(2):
        with running(home, HCC_CLIENTS=clients, HCC_PUBLIC_URL=public) as service:
            answers.append(cds.http("GET", service.url + DISCOVERY, headers=head).status_code)
    assert answers == [200, 401]
