"""Unpack: batches as a broker may hand them over, whole, cut, compacted, aborted and damaged."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from pipeline.hosts.faust.client.unpack import Corrupt, unpack

COMMIT, ABORT = b"\0\0\0\1", b"\0\0\0\0"
_CONTROL_BIT = 0x20
_LAST_OFFSET_DELTA_AT = 23
_ATTRIBUTES_AT = 21
_CRC_AT = 17
_COUNT_AT = 57


def sealed(raw: bytearray) -> bytes:
    struct.pack_into(">I", raw, _CRC_AT, calc_crc32c(bytes(raw[_ATTRIBUTES_AT:])))
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
        raw[_ATTRIBUTES_AT + 1] |= _CONTROL_BIT
    return sealed(raw)


def emptied(raw: bytes) -> bytes:
    """What compaction leaves of a batch whose records are all gone: its header."""
    header = bytearray(raw[: _COUNT_AT + 4])
    struct.pack_into(">i", header, 8, len(header) - 12)
    struct.pack_into(">i", header, _COUNT_AT, 0)
    return sealed(header)


def keys(raw: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> list[bytes]:
    return [row[0] or b"" for row in unpack(raw, position, aborted).rows]


def test_rows_carry_key_value_offset_and_time() -> None:
    found = unpack(batch(10, [b"a", None]), 10, ())
    assert found.rows == [(b"a", b"v", 10, 1_000), (None, b"v", 11, 1_001)]
    assert (found.next, found.headers) == (12, [])


def test_headers_come_where_they_are_asked_for() -> None:
    raw = batch(10, [b"a", b"b", b"c"])
    found = unpack(raw, 11, (), with_headers=True)
    assert [row[0] for row in found.rows] == [b"b", b"c"]
    assert found.headers == [[("h", b"1")]] * 2


def test_nothing_moves_nothing() -> None:
    assert unpack(b"", 7, ()) == ([], [], 7)


def test_holes_and_a_cut_end_of_a_compacted_batch_are_passed() -> None:
    raw = batch(10, [b"b", b"d"], deltas=(1, 3), last_delta=9) + batch(20, [b"e"])
    found = unpack(raw, 10, ())
    assert [row[2] for row in found.rows] == [11, 13, 20]
    assert found.next == 21
    assert unpack(batch(10, [b"b"], deltas=(1,), last_delta=9), 15, ()) == ([], [], 20)


def test_a_batch_that_the_answer_cuts_off_is_left_for_the_next() -> None:
    raw = batch(10, [b"a"]) + batch(11, [b"b"])
    for cut in range(len(batch(10, [b"a"])), len(raw)):
        found = unpack(raw[:cut], 10, ())
        assert ([row[0] for row in found.rows], found.next) == ([b"a"], 11)


def test_aborted_transactions_end_with_their_marker() -> None:
    raw = (
        batch(0, [b"a"], producer=7)
        + batch(1, [b"x"], producer=8)
        + batch(2, [b"x"], producer=7)
        + batch(3, [ABORT], producer=7, is_control=True)
        + batch(4, [b"b"], producer=7)
        + batch(5, [b"x"], producer=8)
        + batch(6, [ABORT], producer=8, is_control=True)
        + batch(7, [COMMIT], producer=7, is_control=True)
        + batch(8, [b"c"])
    )
    aborted = [(8, 1), (7, 2)]
    assert keys(raw, 0, aborted) == [b"a", b"b", b"c"]
    assert unpack(raw, 0, aborted).next == 9


def test_one_producer_may_abort_twice_in_one_answer() -> None:
    raw = b"".join(
        batch(at, [key], producer=7, is_control=key in {ABORT, COMMIT})
        for at, key in enumerate([b"x", ABORT, b"a", COMMIT, b"x", ABORT, b"b", COMMIT])
    )
    assert keys(raw, 0, [(7, 4), (7, 0)]) == [b"a", b"b"]


def test_an_aborted_transaction_that_began_before_the_answer() -> None:
    raw = batch(5, [b"x"], producer=7) + batch(6, [ABORT], producer=7, is_control=True)
    assert unpack(raw + batch(7, [b"a"]), 5, [(7, 2)]).rows == [(b"a", b"v", 7, 1_000)]


def test_what_is_not_transactional_is_never_aborted() -> None:
    plain = bytearray(batch(1, [b"a"]))
    struct.pack_into(">q", plain, 43, 7)
    assert keys(batch(0, [b"x"], producer=7) + sealed(plain), 0, [(7, 0)]) == [b"a"]


@pytest.mark.parametrize("key", [COMMIT, ABORT])
def test_a_marker_that_compaction_took_leaves_an_empty_batch(key: bytes) -> None:
    raw = emptied(batch(4, [key], producer=7, is_control=True)) + batch(5, [b"a"], producer=8)
    found = unpack(emptied(batch(0, [b"x"] * 3, producer=7)) + raw, 0, ())
    assert ([row[0] for row in found.rows], found.next) == ([b"a"], 6)


def test_a_flipped_bit_is_found() -> None:
    good = batch(0, [b"a"])
    for at in range(_ATTRIBUTES_AT, len(good)):
        bad = bytearray(good)
        bad[at] ^= 1
        with pytest.raises(Corrupt):
            unpack(bytes(bad), 0, ())


def test_a_format_of_old_is_refused() -> None:
    raw = bytearray(batch(0, [b"a"]))
    raw[16] = 1
    with pytest.raises(Corrupt):
        unpack(bytes(raw), 0, ())
