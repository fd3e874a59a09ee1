"""Reading a request's body once: within its limit and its time, and out of gzip."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pipeline.edge.admission import Admission
from pipeline.edge.limits import MIB, Limits
from pipeline.edge.problem import Problem

Receive = Callable[[], Awaitable[Any]]

DISCARD_BYTES_MAX: Final = 128 * MIB
DISCARD_S_MAX: Final = 5.0
"""A sender that is refused is listened to so much longer, since many see only a broken
connection, and not our answer, when it comes before they have finished."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_CLOSE: Final = {"connection": "close"}


async def read_body(
    receive: Receive, headers: dict[str, str], limits: Limits, admission: Admission, held: list[int]
) -> bytes:
    """The body. `held[0]` grows by the bytes that count against the bound of all bodies.

    Raises Problem: 413 over the limit, 503 over the bound, 408 too slow, 400 or 415 not gzip.
    """
    stated = headers.get("content-length", "")
    size_max = limits.body_size_bytes_max
    if stated.isdigit() and len(stated) < 20 and int(stated) > size_max:
        if headers.get("expect", "").lower() != "100-continue":
            await _discard(receive)
        raise too_large(size_max)
    try:
        async with asyncio.timeout(limits.body_read_ms_max / 1000):
            raw = await _receive_all(receive, size_max, admission, held)
    except TimeoutError:
        detail = f"the body took longer than {limits.body_read_ms_max // 1000} s to arrive"
        raise Problem(408, "slow", detail, headers=_CLOSE) from None
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return raw
    if encoding not in ("gzip", "x-gzip"):
        raise Problem(
            415,
            "encoding",
            f"content-encoding {encoding[:50]!r} is not known: send gzip, or nothing",
            headers={"accept-encoding": "gzip"},
        )
    return _gunzip(raw, size_max)


def too_large(size_bytes_max: int) -> Problem:
    """413, with the limit."""
    detail = f"the body is over {size_bytes_max / MIB:g} MiB ({size_bytes_max} bytes): split it"
    more = {"limit_bytes": size_bytes_max}
    return Problem(413, "too-large", detail, headers=_CLOSE, more=more)


async def _receive_all(
    receive: Receive, size_max: int, admission: Admission, held: list[int]
) -> bytes:
    parts: list[bytes] = []
    size_bytes = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Problem(400, "gone", "the sender went away before its body had ended")
        part = event.get("body", b"")
        size_bytes += len(part)
        if size_bytes > size_max:
            if event.get("more_body", False):
                await _discard(receive)
            raise too_large(size_max)
        admission.hold(len(part))
        held[0] += len(part)
        parts.append(part)
        if not event.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _discard(receive: Receive) -> None:
    size_bytes = 0
    try:
        async with asyncio.timeout(DISCARD_S_MAX):
            while size_bytes < DISCARD_BYTES_MAX:
                event = await receive()
                size_bytes += len(event.get("body", b""))
                if event["type"] == "http.disconnect" or not event.get("more_body", False):
                    return
    except TimeoutError:
        return


def _gunzip(raw: bytes, size_max: int) -> bytes:
    """Undo gzip, never making more than the limit, whatever the ratio."""
    parts: list[bytes] = []
    left, rest = size_max, raw
    try:
        while rest:
            inflate = zlib.decompressobj(_GZIP)
            part = inflate.decompress(rest, left + 1)
            left -= len(part)
            if left < 0:
                raise too_large(size_max)
            if not inflate.eof:
                raise Problem(400, "not-gzip", "the gzip body ends too early")
            parts.append(part)
            rest = inflate.unused_data
    except zlib.error as error:
        raise Problem(400, "not-gzip", f"the body is not gzip: {error}") from None
    return b"".join(parts)
