"""The file of trusted callers: what it may hold, and what is said of one that does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.errors import SettingError, UsageError
from adapter.service.app import create_app
from adapter.service.clients import read_clients
from adapter.service.site import Site
from tests.service.conftest import PUBLIC, settings_in


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
        ("[[client]]\niss = 'https://a'\njwks = 'gone'", "not there"),
        ("[[client", "TOML"),
    ],
)
def test_a_wrong_file_of_clients_says_what_is_wrong(tmp_path: Path, text: str, wanted: str) -> None:
    """cds-39, cds-42: no symmetric algorithm can be chosen, and keys come over https."""
    path = tmp_path / "clients.toml"
    path.write_text(text)
    (tmp_path / "k").write_text("{}")
    with pytest.raises(SettingError, match=wanted):
        read_clients(path)


def test_the_public_sandbox_is_trusted_only_as_an_explicit_test(tmp_path: Path) -> None:
    """cds-44: its private key is public."""
    path = tmp_path / "clients.toml"
    (tmp_path / "k").write_text("{}")
    path.write_text("[[client]]\niss = 'https://sandbox.cds-hooks.org'\njwks = 'k'\ntest = true\n")
    assert list(read_clients(path)) == ["https://sandbox.cds-hooks.org"]
