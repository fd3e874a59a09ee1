"""Frames: what a Kafka request says of itself in its header, and the numbers of its APIs.

Source: Kafka protocol guide, "Protocol Primitive Types" and "Headers": a frame is its size as
int32 and its body; a request's body begins with API key and version (int16), correlation id
(int32) and client id (nullable string), in every version; a response's with the correlation id.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final

from msgspec import Struct

APIS: Final = {
    "Produce": 0,
    "Fetch": 1,
    "ListOffsets": 2,
    "Metadata": 3,
    "OffsetFetch": 9,
    "FindCoordinator": 10,
    "JoinGroup": 11,
    "Heartbeat": 12,
    "LeaveGroup": 13,
    "SyncGroup": 14,
    "ApiVersions": 18,
    "InitProducerId": 22,
    "AddPartitionsToTxn": 24,
    "AddOffsetsToTxn": 25,
    "EndTxn": 26,
    "TxnOffsetCommit": 28,
}
NAMES: Final = {number: name for name, number in APIS.items()}

SIZE_BYTES_MAX: Final = 128 * 2**20
"""No broker sends or takes more in one frame; a larger size is not Kafka's protocol."""

_HEADER: Final = struct.Struct(">hhih")


class Asked(Struct, frozen=True):
    """The header of one request."""

    api: str
    version: int
    correlation: int
    client: str


def asked_in(body: bytes) -> Asked:
    """The header of a request's body. Raises ValueError where it is too short for one."""
    try:
        api, version, correlation, length = _HEADER.unpack_from(body)
    except struct.error as error:
        raise ValueError(f"{len(body)} bytes are no Kafka request") from error
    start = _HEADER.size
    client = body[start : start + max(length, 0)].decode(errors="replace")
    return Asked(NAMES.get(api, str(api)), version, correlation, client)


def correlation_of(body: bytes) -> int:
    """The correlation id of a response's body."""
    return int.from_bytes(body[:4], "big", signed=True)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next body. Raises IncompleteReadError at the end, ValueError for what is no frame."""
    size = int.from_bytes(await reader.readexactly(4), "big", signed=True)
    if not 0 <= size <= SIZE_BYTES_MAX:
        raise ValueError(f"a frame of {size} bytes is not Kafka's protocol")
    return await reader.readexactly(size)


def framed(body: bytes) -> bytes:
    """The body with its size before it."""
    return len(body).to_bytes(4, "big") + body
