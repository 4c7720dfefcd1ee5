"""Half a sign-in is an error, never a quiet anonymous one."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.errors import UsageError
from adapter.settings import load
from adapter.settings.credential import own_credential


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HCC_SMART_CLIENT_ID": "x"}, "need each other"),
        ({"HCC_SMART_KEY": "KEY"}, "need each other"),
        ({"HCC_SMART_CLIENT_ID": "x", "HCC_SMART_KEY": "KEY", "HCC_FHIR_TOKEN": "t"}, "two ways"),
    ],
)
def test_half_a_sign_in_is_refused(tmp_path: Path, given: dict[str, str], said: str) -> None:
    key = tmp_path / "key.json"
    key.write_text("{}")
    given = {name: str(key) if value == "KEY" else value for name, value in given.items()}
    settings = load({}, environment={"HCC_FHIR_SERVER": "http://127.0.0.1:9/fhir", **given}, folder=tmp_path)
    with pytest.raises(UsageError, match=said):
        own_credential(settings)
