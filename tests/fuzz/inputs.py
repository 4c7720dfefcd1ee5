"""Whole inputs out of broken resources: Bundles, lines of NDJSON, folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.structures import JUNK, PATIENTS, Json, resources, written

BUNDLE_TYPES = ["collection", "searchset", "transaction", "batch", "history", "document", "batch-response", None]
SERVERS = ["http://s.example/fhir/", "http://other.example/fhir/", "urn:uuid:"]
REQUESTS: list[Json] = [
    {"request": {"method": "DELETE", "url": "Observation/Observation-1"}},
    {"request": {"method": "GET", "url": "Patient"}},
    {"response": {"status": "200"}},
]
LINK = [{"relation": "self", "url": "http://s.example/fhir/Observation?x"}]
NO_ENTRIES: list[Any] = [None, 5, "text", [], {}, {"resource": None}, {"fullUrl": "x"}, {"resource": []}]
NO_LINES = [b"5", b"null", b"[]", b'"x"', b"{", b"{}", b'{"resourceType":5}', b"\xff{}", b"[" * 5000, b"NaN"]


@dataclass(frozen=True)
class Given:
    """Files by name, each with the number of resources that stand in it."""

    files: dict[str, tuple[bytes, int]]
    folder: bool

    def put(self, where: Path) -> Path:
        """Write the files; what to call the command with."""
        for name, (content, _) in self.files.items():
            (where / name).write_bytes(content)
        return where if self.folder else where / next(iter(self.files))

    @property
    def resources(self) -> int:
        """The number of resources of all files."""
        return sum(count for _, count in self.files.values())


@st.composite
def entries(draw: st.DrawFn, resource: Json) -> Json:
    """An entry of a Bundle around a resource."""
    found: Json = {"resource": resource}
    if draw(st.integers(0, 2)) == 0:
        server = draw(st.sampled_from(SERVERS))
        named = f"{resource.get('resourceType')}/{resource.get('id')}"
        found["fullUrl"] = server + (named if server.startswith("http") else "00000000-0000-0000-0000-000000000001")
    if draw(st.integers(0, 3)) == 0:
        found["request"] = {"method": "PUT", "url": "x"}
    return found


@st.composite
def bundles(draw: st.DrawFn, given: list[Json]) -> tuple[Json, int]:
    """A Bundle and how many resources stand in it; some of them in a Bundle of their own inside."""
    found: list[Any] = [draw(entries(one)) for one in given]
    count = len(found)
    if draw(st.integers(0, 5)) == 0:
        found.append(draw(st.sampled_from(REQUESTS)))
    if draw(st.integers(0, 5)) == 0:
        found.append(draw(st.sampled_from(NO_ENTRIES)))
        count += 1
    if len(found) > 2 and draw(st.integers(0, 5)) == 0:
        inner = {"resourceType": "Bundle", "type": "searchset", "entry": found[:2]}
        found[:2] = [{"resource": inner}]
    bundle: Json = {"resourceType": "Bundle", "type": draw(st.sampled_from(BUNDLE_TYPES)), "entry": found}
    if draw(st.integers(0, 5)) == 0:
        bundle["link"] = draw(st.one_of(JUNK, st.just(LINK)))
    return bundle, count


@st.composite
def records(draw: st.DrawFn) -> list[Json]:
    """Patients and what else there is, in any order."""
    count = draw(st.integers(0, 2))
    patients: list[Json] = [{"resourceType": "Patient", "id": name, "gender": "male"} for name in PATIENTS[:count]]
    rest = draw(st.lists(resources(), min_size=1, max_size=8))
    return draw(st.permutations([*patients, *rest]))


@st.composite
def inputs(draw: st.DrawFn) -> Given:
    """Any input of the command."""
    given = draw(records())
    shape = draw(st.sampled_from(["bundle", "bundle", "lines", "folder"]))
    if shape == "bundle":
        bundle, count = draw(bundles(given))
        return Given({"a.json": (written(bundle), count)}, False)
    if shape == "lines":
        return Given({"a.ndjson": draw(lines(given))}, False)
    third = len(given) // 3
    bundle, count = draw(bundles(given[:third]))
    files = {"bundle.json": (written(bundle), count), "one.json": (written(given[third]), 1)}
    if given[third + 1 :]:
        files["lines.ndjson"] = draw(lines(given[third + 1 :]))
    return Given(files, True)


@st.composite
def lines(draw: st.DrawFn, given: list[Json]) -> tuple[bytes, int]:
    """NDJSON and how many resources stand in it."""
    found = [written(one) for one in given]
    if draw(st.integers(0, 3)) == 0:
        found.insert(draw(st.integers(0, len(found))), draw(st.sampled_from(NO_LINES)))
    return draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"])).join(found) + b"\n", len(found)
