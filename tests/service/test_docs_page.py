"""The API's page in a real browser that reaches no other host."""

from __future__ import annotations

from pathlib import Path

from tests.servers.chromium import dump_dom
from tests.service.conftest import AS_OF
from tests.service.test_process import serving


def test_the_page_renders_every_route(tmp_path: Path, chromium: str) -> None:
    with serving(tmp_path, "--open", "--as-of", AS_OF) as (address, _):
        shown = dump_dom(f"{address}/docs")
    assert "Unable to render" not in shown
    for text in ("/cds-services", "/evaluate", "OPEN: every caller is trusted", "clock is frozen at"):
        assert text in shown, text
