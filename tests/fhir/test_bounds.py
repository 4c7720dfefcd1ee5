"""What a hostile server may do to a read: large, packed, half or elsewhere; real servers answer over a real socket."""

from __future__ import annotations

import gzip
import json
import math
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from adapter.errors import RemoteError
from adapter.fhir.auth import Auth, FixedToken, NoAuth, SmartBackend
from adapter.fhir.client import FhirClient
from adapter.fhir.content import LARGEST
from adapter.fhir.transport import Patience
from tests.servers.listening import Listening, Quiet

PATIENT = json.dumps({"resourceType": "Patient", "id": "p1", "name": [{"text": "x" * 300_000}]}).encode()
BUNDLE = json.dumps({"resourceType": "Bundle", "entry": [{"resource": json.loads(PATIENT)}]}).encode()
MILLION = b"0" * (1 << 20)
TIMES = [None, 300.0]
HANG_SECONDS, BOUND = 60, 30
TOKEN = "s3cret"
NOBODY, BEARERS = ["None", "NoAuth"], ["FixedToken", "SmartBackend"]
Credentials = dict[str, Auth | None]


@dataclass
class Hostile:
    """A server whose every answer is `parts` one after the other; `asked`: each path with the credential it got."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: Any = (PATIENT,)
    base: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def client(self, seconds: float | None = None, **more: Any) -> FhirClient:
        until = math.inf if seconds is None else time.monotonic() + seconds
        return FhirClient(self.base, patience=Patience(retries=0, until=until), **more)


@contextmanager
def hostile(**answer: Any) -> Iterator[Hostile]:
    server = Hostile(**answer)

    class Answers(Quiet):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.asked.append((self.path, self.headers.get("Authorization")))
            try:
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for part in server.parts:
                    self.wfile.write(part)
            except OSError:
                pass
            self.close_connection = True

        do_POST = do_GET

    with closing(Listening(Answers)) as listening:
        server.base = f"{listening.origin}/tenant/fhir"
        yield server


@pytest.fixture(scope="module")
def credentials() -> Iterator[Credentials]:
    """Every kind of credential that the client knows; one answer is both where tokens are had and a token."""
    key = ECKey.generate_key("P-384", {"kid": "k1"}).as_dict(private=True)
    with hostile() as authority:
        told = {"token_endpoint": f"{authority.base}/token", "access_token": TOKEN, "expires_in": 300}
        authority.parts = [json.dumps(told).encode()]
        smart = SmartBackend(authority.base, "adapter", key, "system/*.rs")
        yield {"None": None, "NoAuth": NoAuth(), "FixedToken": FixedToken(TOKEN), "SmartBackend": smart}


def bomb(header: int) -> Iterator[bytes]:
    """1.5 GiB of zeros in about 1.5 MB."""
    packing = zlib.compressobj(9, wbits=header)
    yield packing.compress(MILLION) + packing.flush(zlib.Z_FULL_FLUSH)
    yield from repeat(packing.compress(MILLION) + packing.flush(zlib.Z_FULL_FLUSH), 1500)


def bombs() -> dict[str, tuple[str, Any]]:
    return {
        "gzip": ("gzip", list(bomb(31))),
        "gzip of many members": ("gzip", [gzip.compress(MILLION * 16)] * 96),
        "deflate": ("deflate", list(bomb(15))),
        "not packed": ("identity", repeat(MILLION, 1500)),
    }


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        now, peak = tracemalloc.get_traced_memory()
        assert peak < most and now < LARGEST // 8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seconds", TIMES)
@pytest.mark.parametrize("kind", list(bombs()))
def test_an_answer_is_left_when_it_is_too_large_unpacked(kind: str, seconds: float | None) -> None:
    coding, parts = bombs()[kind]
    with hostile(headers={"Content-Encoding": coding}, parts=parts) as server, little_memory(3 * LARGEST // 2):
        with pytest.raises(RemoteError, match="more than 128 MiB") as caught:
            server.client(seconds).read("Patient", "p1")
        assert caught.value.status is None


@pytest.mark.parametrize("status", [302, 404, 500])
def test_no_status_lets_a_huge_answer_in(status: int) -> None:
    """requests unpacks the content of a redirect by itself, even of one that is not followed."""
    headers = {"Content-Encoding": "gzip", "Location": "/elsewhere"}
    with hostile(status=status, headers=headers, parts=list(bomb(31))) as server, little_memory(3 * LARGEST // 2):
        with pytest.raises(RemoteError):
            server.client().read("Patient", "p1")
        assert len(server.asked) == 1


@pytest.mark.parametrize("kind", NOBODY + BEARERS)
def test_a_huge_refusal_is_left_and_not_asked_for_again_with_another_token(credentials: Credentials, kind: str) -> None:
    """401 is the one status after which a credential may be had anew, and the only place where its kind matters."""
    answer: dict[str, Any] = {"status": 401, "headers": {"Content-Encoding": "gzip"}, "parts": list(bomb(31))}
    with hostile(**answer) as server, little_memory(3 * LARGEST // 2):
        with pytest.raises(RemoteError, match="more than 128 MiB"):
            server.client(auth=credentials[kind]).read("Patient", "p1")
        sent = f"Bearer {TOKEN}" if kind in BEARERS else None
        assert server.asked == [("/tenant/fhir/Patient/p1", sent)]


def test_packed_content_that_holds_nothing_and_does_not_end_is_left() -> None:
    """A gzip header with a name without end: bytes arrive and nothing comes out."""
    named = [b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03"]

    def slowly() -> Iterator[bytes]:
        yield from named
        until = time.monotonic() + HANG_SECONDS
        while time.monotonic() < until:
            time.sleep(0.02)
            yield b"n"

    with hostile(headers={"Content-Encoding": "gzip"}, parts=slowly()) as server:
        started = time.monotonic()
        with pytest.raises(RemoteError, match="in time"):
            server.client(0.5).read("Patient", "p1")
        assert time.monotonic() - started < BOUND
    endless = (piece for pieces in (named, repeat(b"n" * (1 << 20), 1500)) for piece in pieces)
    with (
        hostile(headers={"Content-Encoding": "gzip"}, parts=endless) as server,
        pytest.raises(RemoteError, match="more than 128 MiB"),
    ):
        server.client().read("Patient", "p1")


@pytest.mark.parametrize("seconds", TIMES)
@pytest.mark.parametrize(
    ("coding", "parts"),
    [
        ("gzip", [gzip.compress(PATIENT)]),
        ("x-gzip", [gzip.compress(PATIENT)[:30], gzip.compress(PATIENT)[30:]]),
        ("GZIP", [gzip.compress(PATIENT[:9]), gzip.compress(b""), gzip.compress(PATIENT[9:])]),
        ("deflate", [zlib.compress(PATIENT)]),
        ("identity", [PATIENT]),
    ],
)
def test_an_ordinary_packed_answer_is_read_as_it_was_meant(coding: str, parts: Any, seconds: float | None) -> None:
    with hostile(headers={"Content-Encoding": coding}, parts=parts) as server:
        assert server.client(seconds).read("Patient", "p1").body == PATIENT


@pytest.mark.parametrize("whole", [gzip.compress(PATIENT), gzip.compress(PATIENT[:9]) + gzip.compress(PATIENT[9:])])
@pytest.mark.parametrize("short", [slice(-1), slice(-9), slice(25), slice(5)])
def test_packed_content_that_ends_too_early_is_no_answer(whole: bytes, short: slice) -> None:
    with (
        hostile(headers={"Content-Encoding": "gzip"}, parts=[whole[short]]) as server,
        pytest.raises(RemoteError, match="broken"),
    ):
        server.client().read("Patient", "p1")


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
def test_a_coding_that_was_not_asked_for_is_not_unpacked(coding: str) -> None:
    """Two layers of gzip pack a million to one, and other libraries unpack without a limit."""
    twice = gzip.compress(gzip.compress(PATIENT))
    with hostile(headers={"Content-Encoding": coding}, parts=[twice]) as server:
        with pytest.raises(RemoteError, match="another coding than gzip"):
            server.client().read("Patient", "p1")
        with pytest.raises(RemoteError, match="another coding than gzip"):
            server.client().search("Patient")


@pytest.mark.parametrize("seconds", TIMES)
@pytest.mark.parametrize("status", [201, 202, 203, 206, 226])
def test_a_read_or_a_search_is_answered_with_200_and_nothing_else(status: int, seconds: float | None) -> None:
    """202: not yet done; 206: a part; 203: changed on the way. An empty Bundle with one of them is no empty result."""
    with hostile(status=status, parts=[BUNDLE]) as server:
        for ask in (lambda: server.client(seconds).search("Patient"), server.client(seconds).capability):
            with pytest.raises(RemoteError, match=f"answered {status}") as caught:
                ask()
            assert caught.value.status == status
    with hostile(status=status, parts=[PATIENT]) as server, pytest.raises(RemoteError, match=f"answered {status}"):
        server.client(seconds).read("Patient", "p1")


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_without_content_is_no_answer_to_a_read(status: int) -> None:
    with hostile(status=status, parts=[]) as server:
        with pytest.raises(RemoteError, match=f"answered {status}") as caught:
            server.client().read("Patient", "p1")
        assert caught.value.status == status


def page(following: str, identity: str = "1") -> bytes:
    entry = [{"resource": {"resourceType": "Observation", "id": identity}}]
    link = [{"relation": "next", "url": following}]
    return json.dumps({"resourceType": "Bundle", "link": link, "entry": entry}).encode()


OUTSIDE = [
    "{base}/../../admin?x", "{base}/../other?x", "{base}/%2e%2e/other", "{base}/.%2E/other", "{base}/%252e%252e/other",
    "{base}/%2e%2e%2fother", "{base}/..%5cother", "{base}/..;a=b/other", "{base}/x/../../other", "{base}/./../other",
    "{base}//../other", "{base}x/Observation?page=2", "/tenant?page=2", "/other/fhir/Observation", "../other/x", "/",
    "/tenant/%66hir/%2e%2e/other", "{base}/../../a//../tenant/fhir/x", "{base}/%c0%ae%c0%ae/other",
    "{base}/%2525252e/x",
    "http://internal.example/tenant/fhir/../other", "http://internal.example/tenant/fhir/%2e%2e/other",
]  # fmt: skip


@pytest.mark.parametrize("kind", BEARERS)
@pytest.mark.parametrize("link", OUTSIDE)
def test_with_a_token_no_next_link_leads_out_of_the_base(credentials: Credentials, link: str, kind: str) -> None:
    """On a server of many tenants the token is for one of them."""
    with hostile() as server:
        server.parts = [page(link.format(base=server.base))]
        found = server.client(auth=credentials[kind]).search("Observation")
        assert "not trusted" in str(found.incomplete) and len(found.resources) == 1
        assert server.asked == [("/tenant/fhir/Observation", f"Bearer {TOKEN}")]


@pytest.mark.parametrize("kind", BEARERS)
@pytest.mark.parametrize(
    "link",
    ["{base}?page=2", "{base}/?page=2", "{base}/Observation?page=2", "Observation?page=2", "../fhir/Observation?p=2",
     "{base}/../fhir/Observation?page=2", "/tenant/%66hir/x?a=/../..", "http://internal.example/tenant/fhir?page=2",
     "{base}/Observation/cursor%253D"],
)  # fmt: skip
def test_with_a_token_a_next_link_below_the_base_is_followed(credentials: Credentials, link: str, kind: str) -> None:
    with hostile() as server:
        server.parts = [page(link.format(base=server.base))]
        found = server.client(auth=credentials[kind], most_pages=2).search("Observation")
        assert "not trusted" not in str(found.incomplete)
        assert [token for _, token in server.asked] == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize("kind", NOBODY)
def test_without_a_credential_pages_out_of_the_base_are_read(credentials: Credentials, kind: str) -> None:
    """No credential and the credential of nobody are the same."""
    with hostile() as server:
        server.parts = [page("/pages?n=2")]
        server.client(most_pages=2, auth=credentials[kind]).search("Observation")
        assert server.asked == [("/tenant/fhir/Observation", None), ("/pages?n=2", None)]


@pytest.mark.parametrize("kind", BEARERS)
def test_trusted_pages_out_of_the_base_are_read_without_the_token(credentials: Credentials, kind: str) -> None:
    with hostile() as server:
        server.parts = [page("/pages?n=2")]
        server.client(most_pages=2, auth=credentials[kind], trusted=[server.base]).search("Observation")
        assert server.asked == [("/tenant/fhir/Observation", f"Bearer {TOKEN}"), ("/pages?n=2", None)]


@pytest.mark.parametrize("kind", BEARERS)
@pytest.mark.parametrize("between", ["\\", "\t\\", "/\\", "%5c"])
def test_a_link_that_readers_take_for_different_hosts_takes_the_token_to_none(
    credentials: Credentials, between: str, kind: str
) -> None:
    r"""http://evil\@ours/ is ours for one parser and evil for the one that connects."""
    with hostile() as evil, hostile() as server:
        theirs, ours = (one.base.removeprefix("http://") for one in (evil, server))
        server.parts = [page(f"http://{theirs.partition('/')[0]}{between}@{ours}/Observation?page=2")]
        server.client(auth=credentials[kind], most_pages=2).search("Observation")
        assert server.asked and evil.asked == []


def dripping() -> Iterator[bytes]:
    until = time.monotonic() + HANG_SECONDS
    while time.monotonic() < until:
        time.sleep(0.02)
        yield b" "


@pytest.mark.parametrize("kind", [*bombs(), "dripping"])
def test_what_gives_tokens_may_be_neither_large_nor_slow(kind: str) -> None:
    """Where tokens are had is told by the server; an answer there is a few lines."""
    coding, parts = bombs().get(kind) or ("identity", dripping())
    key = ECKey.generate_key("P-384", {"kid": "k1"}).as_dict(private=True)
    started = time.monotonic()
    with hostile(headers={"Content-Encoding": coding}, parts=parts) as server, little_memory(LARGEST // 8):
        with pytest.raises(RemoteError, match="smart-configuration gave no answer that can be read in full"):
            SmartBackend(server.base, "adapter", key, "system/*.rs", timeout=0.5).token()
        assert len(server.asked) == 1
    assert time.monotonic() - started < BOUND


def test_the_token_of_a_packed_answer_is_read_and_netrc_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    key = ECKey.generate_key("P-384", {"kid": "k1"}).as_dict(private=True)
    with hostile(headers={"Content-Encoding": "gzip"}) as server:
        told = {"token_endpoint": f"{server.base}/token", "access_token": TOKEN, "expires_in": 300}
        server.parts = [gzip.compress(json.dumps(told).encode())]
        assert SmartBackend(server.base, "adapter", key, "system/*.rs").token() == TOKEN
        assert [credential for _, credential in server.asked] == [None, None]
