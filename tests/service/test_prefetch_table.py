"""The table of section 5: six shapes under a key, with a FHIR server that answers, fails, hangs or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapter.service.app import create_app
from adapter.service.prefetch import REQUIRED, TYPES
from adapter.service.site import Site
from tests.service.conftest import AS_OF, PATIENT_VIEW, PUBLIC, Json, hook_request, settings_in
from tests.service.ehr import OUTCOME, SLOW, Ehr, running
from tests.service.ordering import PATHS, SIGN, drug, order_request, procedure, whole_prefetch
from tests.service.test_request import AUTHORIZATION

Charts = dict[str, list[Json]]
PATIENT = "syn-05-bevacizumab-too-late"
REACHABLE, NONE = "reachable", "none"
FAULTS = [401, 403, 404, 410, 429, 500, SLOW]
SERVERS = [REACHABLE, *FAULTS, NONE]
SHAPES = ["absent", "null", "empty", "paginated", "outcome", "odd"]
WHOLE, AS_EMPTY, GAP, REFUSED = "as with everything", "as with nothing", "a stated gap", "412"
KEYS = ["conditions", "observations"]


@pytest.fixture(scope="module")
def ehr(charts: Charts) -> Iterator[Ehr]:
    with running(charts[PATIENT]) as server:
        yield server


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A caller of an open site that waits half a second for a FHIR server."""
    settings = settings_in(Path(tmp_path_factory.mktemp("state")), HCC_CDS_DEADLINE="0.5")
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        yield caller


def expected(shape: str, server: int | str, key: str) -> str:
    """The table of section 5."""
    if shape in ("null", "empty"):
        return AS_EMPTY
    if shape == "odd" or (server == REACHABLE and shape in ("absent", "paginated")):
        return WHOLE
    if shape == "paginated":
        return GAP
    return REFUSED if key in REQUIRED else GAP


def shaped(request: Json, key: str, shape: str, base: str) -> Json:
    """The request with one key in a shape."""
    prefetch = dict(request["prefetch"])
    bundle = prefetch.pop(key)
    entries = [{"resource": dict(entry["resource"])} for entry in bundle["entry"]]
    link = [{"relation": "next", "url": f"{base}/{TYPES[key]}?at=1"}]
    made = {
        "null": None,
        "empty": {"resourceType": "Bundle", "type": "searchset", "total": 0},
        "paginated": {**bundle, "entry": entries[:1], "link": link},
        "outcome": OUTCOME,
        "odd": {"resourceType": "Bundle", "entry": [*entries]},
    }
    return {**request, "prefetch": prefetch if shape == "absent" else {**prefetch, key: made[shape]}}


def with_server(request: Json, ehr: Ehr, key: str, server: int | str) -> Json:
    if server == NONE:
        return request
    ehr.behave = {} if server == REACHABLE else {TYPES[key]: server}
    return {**request, "fhirServer": ehr.base, "fhirAuthorization": AUTHORIZATION}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("server", SERVERS)
def test_each_shape_with_each_server_is_answered_as_the_table_says(
    client: TestClient, charts: Charts, ehr: Ehr, key: str, shape: str, server: int | str
) -> None:
    """cds-17, cds-19, section 5"""
    whole = hook_request(charts[PATIENT], prefetch=whole_prefetch(charts[PATIENT]))
    ehr.asked.clear()
    request = with_server(shaped(whole, key, shape, ehr.base), ehr, key, server)
    answer = client.post(PATIENT_VIEW, json=request)
    verdict = expected(shape, server, key)
    if verdict == REFUSED:
        assert answer.status_code == 412
        assert [issue["diagnostics"].partition(":")[0] for issue in answer.json()["issue"]] == [key]
    else:
        assert answer.status_code == 200, answer.text
        cards = answer.json()["cards"]
        assert any(f"- {TYPES[key]}: " in card["detail"] for card in cards) is (verdict == GAP)
        if verdict == WHOLE:
            assert cards == client.post(PATIENT_VIEW, json=whole).json()["cards"]
        if verdict == AS_EMPTY:
            bare = shaped(whole, key, "null", ehr.base)
            assert cards == client.post(PATIENT_VIEW, json=bare).json()["cards"]
    asks = shape in ("absent", "paginated") and server != NONE
    assert bool(ehr.asked) is asks, "only what was not given is asked for"


def points_to_medications(chart: list[Json]) -> bool:
    return any("medicationReference" in resource for resource in chart)


def test_prefetch_alone_gives_the_cards_of_a_full_read_for_every_synthetic_patient(
    tmp_path: Path, charts: Charts
) -> None:
    """cds-17"""
    settings, pointing = settings_in(tmp_path, HCC_CDS_DEADLINE="10"), 0
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        for key, chart in charts.items():
            orders = [procedure("hepatectomy"), drug("bevacizumab"), procedure("tace", "t")]
            for request in (hook_request(chart), order_request(chart, orders, SIGN)):
                path = PATHS.get(request["hook"], PATIENT_VIEW)
                with running(chart) as server:
                    source = {"fhirServer": server.base, "fhirAuthorization": AUTHORIZATION}
                    literal = {**request, "prefetch": hook_request(chart)["prefetch"]}
                    read = caller.post(path, json={**literal, "prefetch": {}, **source}).json()
                    assert read["cards"] or path != PATIENT_VIEW, key
                    assert caller.post(path, json={**literal, **source}).json() == read, key
                    included = {**literal, "prefetch": whole_prefetch(chart)}
                    assert caller.post(path, json=included).json() == read, key
                alone = caller.post(path, json=literal).json()
                if points_to_medications(chart):
                    pointing += 1
                    assert any("- Medication: not prefetched" in card["detail"] for card in alone["cards"]), key
                else:
                    assert alone == read, key
    assert pointing, "no synthetic patient points to a Medication"


@pytest.mark.parametrize("shape", ["absent", "paginated", "outcome"])
@pytest.mark.parametrize("server", SERVERS[1:])
def test_a_gap_is_told_in_the_language_of_the_card(
    tmp_path: Path, charts: Charts, ehr: Ehr, shape: str, server: int | str
) -> None:
    settings = settings_in(tmp_path, HCC_CDS_DEADLINE="0.5", HCC_LANG="zh")
    request = hook_request(charts[PATIENT], prefetch=whole_prefetch(charts[PATIENT]))
    request = with_server(shaped(request, "observations", shape, ehr.base), ehr, "observations", server)
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        cards = caller.post(PATIENT_VIEW, json=request).json()["cards"]
    line = only_gap(cards)
    assert not set(line.split()[2:]) & {"the", "not", "was", "and", "page"} and "未完整取得" not in line
    assert any("\u4e00" <= letter <= "\u9fff" for letter in line)


def only_gap(cards: list[Json]) -> str:
    """The one line on what is missing of the Observations."""
    lines: set[str] = {line for card in cards for line in card["detail"].splitlines()}
    (gap,) = (line for line in lines if line.startswith("- Observation: "))
    return gap


class Homeless(Ehr):
    """A server whose next page has no address."""

    def _bundle(self, kind: str, mine: list[Json], at: int) -> Json:
        return {**super()._bundle(kind, mine, at), "link": [{"relation": "next"}]}


@pytest.mark.parametrize(
    ("language", "prefetched", "read"),
    [
        (
            "en",
            "- Observation: a further page cannot be had: its link is none",
            "- Observation: there is a further page, but its link names no address",
        ),
        ("zh", "- Observation: 后续页无法取得：其链接无效", "- Observation: 另有后续页，但其链接无地址"),
    ],
)
def test_a_further_page_without_an_address_is_said(
    tmp_path: Path, charts: Charts, language: str, prefetched: str, read: str
) -> None:
    settings = settings_in(tmp_path, HCC_LANG=language)
    request = hook_request(charts[PATIENT], prefetch=whole_prefetch(charts[PATIENT]))
    lacking = {key: value for key, value in request["prefetch"].items() if key != "observations"}
    linked = {**request["prefetch"]["observations"], "link": [{"relation": "next"}]}
    with TestClient(create_app(Site(settings, PUBLIC, open=True, frozen=AS_OF))) as caller:
        answer = caller.post(PATIENT_VIEW, json={**request, "prefetch": {**lacking, "observations": linked}})
        assert only_gap(answer.json()["cards"]) == prefetched
        with running(charts[PATIENT]) as server:
            server.__class__ = Homeless
            source = {"fhirServer": server.base, "fhirAuthorization": AUTHORIZATION}
            answer = caller.post(PATIENT_VIEW, json={**request, "prefetch": lacking, **source})
        assert only_gap(answer.json()["cards"]) == read
