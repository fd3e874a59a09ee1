"""Batches as they lie on the wire, whole or tampered with as no client of ours would."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

COMMIT, ABORT = b"\0\0\0\1", b"\0\0\0\0"
_CONTROL_BIT = 0x20
_LAST_OFFSET_DELTA_AT = 23
ATTRIBUTES_AT = 21
_CRC_AT = 17
_COUNT_AT = 57


def sealed(raw: bytearray) -> bytes:
    struct.pack_into(">I", raw, _CRC_AT, calc_crc32c(bytes(raw[ATTRIBUTES_AT:])))
    return bytes(raw)


def batch(
    base: int,
    keys: Sequence[bytes | None],
    *,
    producer: int = -1,
    is_control: bool = False,
    deltas: Sequence[int] = (),
    last_delta: int | None = None,
) -> bytes:
    """One batch of records at `base`, with holes where `deltas` leave some out."""
    builder = DefaultRecordBatchBuilder(2, 0, int(producer >= 0), producer, 0, 0, 1 << 20)
    for delta, key in zip(deltas or range(len(keys)), keys, strict=True):
        builder.append(delta, 1_000 + delta, key, b"v", [("h", b"1")])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    if last_delta is not None:
        struct.pack_into(">i", raw, _LAST_OFFSET_DELTA_AT, last_delta)
    if is_control:
        raw[ATTRIBUTES_AT + 1] |= _CONTROL_BIT
    return sealed(raw)


def emptied(raw: bytes) -> bytes:
    """What compaction leaves of a batch whose records are all gone: its header."""
    header = bytearray(raw[: _COUNT_AT + 4])
    struct.pack_into(">i", header, 8, len(header) - 12)
    struct.pack_into(">i", header, _COUNT_AT, 0)
    return sealed(header)


Crafted = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]
"""Key, value and headers."""

_HEAD_BYTES = _COUNT_AT + 4
_CODECS: tuple[Callable[[bytes], bytes], ...] = (
    bytes,
    gzip_encode,
    snappy_encode,
    lz4_encode,
    zstd_encode,
)


def packed(
    base: int, records: Sequence[Crafted], codec: int = 0, *, is_foreign: bool = False
) -> bytes:
    """A batch of these records, one ms apart from 1,000 on. Where it `is_foreign`, the last é in it
    is bytes that are no UTF-8: two that the standard replaces by one sign each.
    """
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, 0, 0, 1 << 20)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 1_000 + number, key, value, headers)
    raw = bytes(builder.build())
    if is_foreign:
        at = raw.rindex("é".encode())
        raw = raw[:at] + b"\xff\xfe" + raw[at + 2 :]
    made = bytearray(raw[:_HEAD_BYTES] + _CODECS[codec](raw[_HEAD_BYTES:]))
    struct.pack_into(">qi", made, 0, base, len(made) - 12)
    made[ATTRIBUTES_AT + 1] |= codec
    return sealed(made)
