"""The content of an answer, unpacked piece by piece, so that a small answer cannot become a huge one unseen."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import requests

LARGEST = 128 << 20
"""Bytes of one answer, unpacked, that are read at most."""
SMALL = 1 << 20
"""Bytes of one answer that is no FHIR: keys, tokens, a configuration."""
ACCEPTED = "gzip"
_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE, _UNPACKED_PIECE = 1 << 16, 1 << 20
_EITHER_HEADER = 32 + zlib.MAX_WBITS


def is_readable(answer: requests.Response) -> bool:
    """Whether the content is plain or packed in a way that is unpacked here."""
    return _coding(answer) in _PLAIN | _PACKED


def pieces(answer: requests.Response) -> Iterator[bytes]:
    """The content in pieces of at most 1 MiB, some of them empty; content in an unknown coding as it was sent.

    Raises zlib.error for packed content that is broken or not whole.
    """
    sent = iter(lambda: answer.raw.read1(_PIECE, decode_content=False), b"")
    return _unpacked(sent) if _coding(answer) in _PACKED else sent


def small_content(answer: requests.Response, until: float) -> bytes:
    """The content of a streamed answer that is no FHIR, read up to a moment (of the monotonic clock).

    Raises ValueError for more than 1 MiB and for what is not whole by then, zlib.error for broken packing.
    """
    body = bytearray()
    for piece in pieces(answer):
        body += piece
        if len(body) > SMALL:
            raise ValueError("it is larger than 1 MiB")
        if time.monotonic() > until:
            raise ValueError("its address did not answer in time")
    return bytes(body)


def _unpacked(sent: Iterator[bytes]) -> Iterator[bytes]:
    # Not by urllib3: it reads on by itself while nothing comes out, and then nobody looks at the clock.
    member, begun = zlib.decompressobj(_EITHER_HEADER), False
    for piece in sent:
        rest = piece
        while rest:
            if member.eof:
                member = zlib.decompressobj(_EITHER_HEADER)
            yield member.decompress(rest, _UNPACKED_PIECE)
            rest = member.unconsumed_tail or member.unused_data
        begun = True
    if begun and not member.eof:
        raise zlib.error("the content ends too early")


def _coding(answer: requests.Response) -> str:
    return str(answer.headers.get("Content-Encoding", "")).strip().lower()
