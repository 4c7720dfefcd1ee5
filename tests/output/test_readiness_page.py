"""The readiness page works from disk without a network: plots with bars, tables with every finding and input."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from adapter.cli.app import run
from adapter.guideline.inputs import inputs
from adapter.output.readiness_needs import COURSE, PERSON, input_names, needs, weights
from adapter.output.readiness_sight import STATES
from adapter.output.readiness_words import ReadinessWords
from adapter.pipeline import evaluator
from adapter.sandbox.loading import write_patients
from tests.servers.chromium import SECONDS, arguments

AS_OF = "2024-05-01"
LOADING = {"src", "href", "data", "action", "poster", "background", "srcset", "xlink:href", "formaction", "cite"}
LOADERS = {"script", "link", "img", "iframe", "object", "embed", "audio", "video", "base", "image", "use"}
NO_NETWORK = ("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9")
MEASURE = """
<!DOCTYPE html><iframe id="page" src="%s" width="1280" height="900"></iframe><pre id="found"></pre><script>
document.getElementById("page").onload = event => {
  const page = event.target.contentDocument;
  const wide = shape => { const box = shape.getBoundingClientRect(); return box.width > 20 && box.height > 5; };
  const plots = [...page.querySelectorAll("figure svg")].map(plot => ({
    label: plot.getAttribute("aria-labelledby").split(" ").map(id => page.getElementById(id).textContent).join("|"),
    bars: [...plot.querySelectorAll("path[aria-roledescription='bar']")].filter(wide).length,
    outside: [...plot.querySelectorAll("text")].filter(text =>
      text.getBoundingClientRect().left < plot.getBoundingClientRect().left - 1).length,
  }));
  const rows = id => [...page.querySelectorAll("#" + id + " tbody th[scope=row] code")].map(code => code.textContent);
  const found = {plots, findings: rows("findings"), inputs: rows("inputs")};
  document.getElementById("found").textContent = JSON.stringify(found);
};
</script>
"""


class Addresses(HTMLParser):
    """Whatever a browser would load for a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.policy = ""
        self.feed(text)
        self.found += re.findall(r"@import[^;]*|url\([^)]*\)", text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [tag] if tag in LOADERS else []
        self.found += [f"{name}={given[name]}" for name in given if name in LOADING or name.startswith("on")]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given.get("content") or ""


@pytest.fixture(scope="module", params=["en", "zh"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report over the synthetic patients."""
    folder = tmp_path_factory.mktemp("page")
    write_patients(folder / "patients", date.fromisoformat(AS_OF))
    file = folder / "readiness.html"
    told = ["--as-of", AS_OF, "--lang", request.param, "--format", "html", "--out", str(file)]
    assert run(["mappings", "readiness", str(folder / "patients"), *told]) == 0
    return file


def measured(page: Path) -> dict[str, Any]:
    """What a browser without a network lays out, told by a page beside it."""
    beside = page.parent / "beside.html"
    beside.write_text(MEASURE % page.as_uri(), encoding="utf-8")
    more = ("--allow-file-access-from-files", *NO_NETWORK, "--virtual-time-budget=8000", "--dump-dom")
    command = [*arguments(page.parent / "profile"), *more, beside.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    told = re.search(r'<pre id="found">(\{.*\})</pre>', done.stdout, re.DOTALL)
    assert told, done.stdout[-500:]
    found: dict[str, Any] = json.loads(told[1].replace("&amp;", "&"))
    return found


def test_a_browser_without_a_network_shows_the_plots_and_the_tables(page: Path, chromium: str) -> None:
    assert chromium
    found = measured(page)
    assert len(found["plots"]) == 3
    for plot in found["plots"]:
        assert plot["bars"] > 30
        assert plot["outside"] == 0
        title, text = plot["label"].split("|")
        assert title and len(text) > len(title)
    assert found["findings"] == [COURSE, *inputs()]
    assert found["inputs"] == [*input_names(), *PERSON]


def test_the_page_loads_nothing_and_its_policy_forbids_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    addresses = Addresses(text)
    assert addresses.found == []
    assert "default-src 'none'" in addresses.policy
    assert set(re.findall(r"https?://[^\s\"'<>]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert len(text) < 1_000_000


@pytest.mark.parametrize(
    "broken",
    [
        '<script src="x.js"></script>',
        '<img src="x.png">',
        '<a href="http://x.example">x</a>',
        "<style>@import 'x';</style>",
        '<p style="background: url(x)">x</p>',
        '<link rel="stylesheet">',
        '<svg><use xlink:href="x"/></svg>',
        "<p onclick=x>",
    ],
)
def test_the_search_for_addresses_finds_them(broken: str) -> None:
    assert Addresses(broken).found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_topic_finding_input_and_state_has_words(language: str) -> None:
    words = ReadinessWords(evaluator().texts(language))
    topics = {code.partition(".")[0] for code in (COURSE, *inputs())}
    said = [words.topic(topic) for topic in topics] + [words.state(state) for state in STATES]
    assert [text for text in said if text.startswith("readiness-")] == []
    assert [name for name in (*input_names(), *PERSON) if "_" in words.input(name)] == []
    if language == "zh":
        latin = re.compile(r"[a-z_ ]+")
        assert [name for name in (*input_names(), *PERSON) if latin.fullmatch(words.input(name))] == []


def test_every_finding_has_needs_and_each_input_stands_in_one_of_them() -> None:
    configured = evaluator()
    found = needs(configured.terminology, configured.policy.thresholds)
    assert list(found) == [COURSE, *inputs()]
    for code, declared in inputs().items():
        named = [way.name for need in found[code] for way in need.ways]
        assert sorted(named) == sorted([*declared.reads, *declared.person])


def test_every_row_of_the_table_of_alternatives_joins_inputs_of_some_finding() -> None:
    configured = evaluator()
    found = needs(configured.terminology, configured.policy.thresholds)
    joined = [{way.name for way in need.ways} for wanted in found.values() for need in wanted if len(need.ways) > 1]
    rows = [set(row) for row in weights().either]
    assert len(rows) > 5
    assert [row for row in rows if not any(ways <= row for ways in joined)] == []
