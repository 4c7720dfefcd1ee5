"""A Bundle keeps all that is in it: one list of entries, and the link and total of the outermost Bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.errors import InputError
from adapter.fhir.documents import Link, read_document
from adapter.resources.repair import read, read_list

PATIENT = '{"resource": {"resourceType": "Patient", "id": "%s"}}'
FIRST, SECOND = f"[{PATIENT % 'p1'}]", f"[{PATIENT % 'p2'}]"
ODD_KEYS = [r"\u0065ntry", r"e\u006Etry", r"e\u006etry", r"\u0065\u006e\u0074\u0072\u0079"]


def bundle(*members: str) -> bytes:
    return ('{"resourceType": "Bundle", "type": "collection", ' + ", ".join(members) + "}").encode()


def ids(content: bytes) -> list[str]:
    """The ids of the resources that were read."""
    return [entry.resource.id for entry in read_document(content, "file").entries if entry.resource is not None]


@pytest.mark.parametrize("turned", [False, True])
def test_two_lists_of_entries_are_refused(turned: bool) -> None:
    lists = [f'"entry": {FIRST}', f'"entry": {SECOND}']
    with pytest.raises(InputError, match=r"file: Bundle\.entry stands there twice"):
        read_document(bundle(*(lists[::-1] if turned else lists)), "file")


@pytest.mark.parametrize("odd", ODD_KEYS)
def test_one_list_that_is_spelt_oddly_is_read(odd: str) -> None:
    assert ids(bundle(f'"{odd}": {FIRST}')) == ["p1"]


@pytest.mark.parametrize("key", ["entry", *ODD_KEYS])
def test_the_entries_of_a_list_resource_are_no_second_list(key: str) -> None:
    held = f'{{"resourceType": "List", "id": "l1", "{key}": [{{"item": {{"display": "x"}}}}]}}'
    entries = f'"entry": [{PATIENT % "p1"}, {{"resource": {held}}}, {{"resource": {held.replace("l1", "l2")}}}]'
    assert ids(bundle(entries)) == ["p1", "l1", "l2"]


@pytest.mark.parametrize("text", ["entry", "\\u00e9ntry", r"\u0065ntry"])
def test_the_word_in_a_text_is_no_second_list(text: str) -> None:
    held = f'{{"resource": {{"resourceType": "Patient", "id": "p1", "name": [{{"text": "{text}"}}]}}}}'
    assert ids(bundle(f'"entry": [{held}]')) == ["p1"]


def test_a_second_list_inside_a_bundle_of_a_bundle_is_refused_with_its_place() -> None:
    inner = bundle(f'"entry": {FIRST}', f'"entry": {SECOND}').decode()
    with pytest.raises(InputError, match=r"Bundle\.entry\[0\]: Bundle\.entry stands there twice"):
        read_document(bundle(f'"entry": [{{"resource": {inner}}}]'), "file")


OUTER: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 7,
    "link": [{"relation": "next", "url": "https://ehr.example.org/fhir/Patient?page=2"}],
}
INNER: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 1,
    "link": [{"relation": "next", "url": "https://inner.example.org/fhir/Patient?page=9"}],
    "entry": [{"resource": {"resourceType": "Patient", "id": "p1"}}],
}


@pytest.mark.parametrize("odd", [False, True], ids=["as it should be", "with a mended entry"])
def test_a_bundle_that_holds_bundles_keeps_its_own_link_and_total(odd: bool) -> None:
    wrong = [{"resource": {"resourceType": "Patient", "id": "p2", "gender": ["male"]}}] if odd else []
    content = json.dumps({**OUTER, "entry": [{"resource": INNER}, *wrong]}).encode()
    document = read_document(content, "file")
    assert [entry.resource.id for entry in document.entries if entry.resource] == (["p1", "p2"] if odd else ["p1"])
    assert [link.url for link in read_list(document.link, Link)] == [OUTER["link"][0]["url"]]
    assert read(document.total, int) == OUTER["total"]
