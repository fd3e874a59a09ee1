"""Unpack: batches as a broker may hand them over, whole, cut, compacted, aborted and damaged."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hosts.faust.client.unpack import Corrupt, unpack
from tests.hosts.faust.client.wire import (
    ABORT,
    ATTRIBUTES_AT,
    COMMIT,
    Crafted,
    batch,
    emptied,
    packed,
    sealed,
)


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
    for at in range(ATTRIBUTES_AT, len(good)):
        bad = bytearray(good)
        bad[at] ^= 1
        with pytest.raises(Corrupt):
            unpack(bytes(bad), 0, ())


def test_a_format_of_old_is_refused() -> None:
    raw = bytearray(batch(0, [b"a"]))
    raw[16] = 1
    with pytest.raises(Corrupt):
        unpack(bytes(raw), 0, ())


@pytest.mark.parametrize("codec", range(5))
def test_a_name_that_is_not_utf8_is_replaced_and_nothing_else(codec: int) -> None:
    records: list[Crafted] = [
        (b"k", b"v", [(name, b"\xff"), ("none", None)]) for name in ("1", "café", "2")
    ]
    bad = packed(10, records, codec, is_foreign=True)
    raw = batch(7, [b"a"]) + bad + batch(13, [b"b"])
    found = unpack(raw, 7, (), with_headers=True)
    assert [row[2] for row in found.rows] == [7, 10, 11, 12, 13]
    assert found.rows[2] == (b"k", b"v", 11, 1_001)
    assert [each[0][0] for each in found.headers] == ["h", "1", "caf\ufffd\ufffd", "2", "h"]
    assert found.headers[2] == [("caf\ufffd\ufffd", b"\xff"), ("none", None)]
    assert unpack(raw, 11, ()).rows == found.rows[2:]


def test_a_damaged_record_with_such_a_name_is_refused() -> None:
    bad = bytearray(packed(0, [(b"k", b"v", [("café", b"x")])], is_foreign=True))
    bad[bad.index(b"k") - 1] += 2
    with pytest.raises(Corrupt):
        unpack(sealed(bad), 0, ())


_BYTES = st.one_of(st.none(), st.binary(max_size=200))
_HEADERS = st.lists(st.tuples(st.text(max_size=5), _BYTES), max_size=3)


@given(st.lists(st.tuples(_BYTES, _BYTES, _HEADERS), max_size=5), st.integers(0, 4))
def test_a_batch_reads_the_same_with_and_without_such_a_name(
    records: list[Crafted], codec: int
) -> None:
    plain = unpack(packed(3, [*records, (b"k", b"v", [])], codec), 3, (), with_headers=True)
    last: Crafted = (b"k", b"v", [("café", b"x")])
    raw = packed(3, [*records, last], codec, is_foreign=True)
    lenient = unpack(raw, 3, (), with_headers=True)
    assert (lenient.rows, lenient.next) == (plain.rows, plain.next)
    assert lenient.headers[:-1] == plain.headers[:-1]
