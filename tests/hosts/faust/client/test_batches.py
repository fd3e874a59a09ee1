"""Batches hold the records in order, under the sequences that the broker counts by."""

from __future__ import annotations

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hosts.faust.client.batches import Batch, Outgoing, Writer, sequence_after

PLACE = ("topic", 3)
LAST = 2**31 - 1


def unpacked(batch: Batch) -> tuple[int, int, int, list[Outgoing]]:
    """Producer id, epoch, sequence and records, read by aiokafka's reader."""
    records = MemoryRecords(bytes(batch.buffer)).next_batch()
    assert records is not None
    assert records.validate_crc()
    found: list[Outgoing] = [
        (each.key, each.value, list(each.headers), each.timestamp) for each in records
    ]
    return records.producer_id, records.producer_epoch, records.base_sequence, found


@pytest.mark.parametrize(
    ("sequence", "count", "after"),
    [
        (0, 1, 1),
        (LAST - 1, 1, LAST),
        (LAST, 1, 0),
        (LAST, 2, 1),
        (LAST - 4, 10, 5),
        (0, 2**31 - 1, LAST),
    ],
)
def test_sequences_wrap_to_zero_as_in_java(sequence: int, count: int, after: int) -> None:
    assert sequence_after(sequence, count) == after


def test_a_batch_across_the_wrap_is_followed_by_the_sequence_that_java_expects() -> None:
    records: list[Outgoing] = [(b"k", b"v" * 40, [], 1_000)] * 10
    first, second, *_ = Writer(7, 2).batches(PLACE, records, LAST - 1, 250)
    assert first.sequence == LAST - 1
    assert len(first.records) > 2
    assert second.sequence == len(first.records) - 2
    assert unpacked(second)[:3] == (7, 2, second.sequence)


def test_tombstones_headers_and_keyless_records_survive() -> None:
    records: list[Outgoing] = [
        (b"k", None, [], 1_700_000_000_000),
        (None, b"v", [("origin", b"\x00"), ("origin", b"")], 1_700_000_000_001),
        (b"", b"", [], 0),
    ]
    (batch,) = Writer(1, 0).batches(PLACE, records, 5, 1_000)
    assert unpacked(batch) == (1, 0, 5, records)


def test_headers_that_are_text_are_each_records_own() -> None:
    one, two = {"origin": "a:0:1:0", "tenant": "é"}, {"origin": ""}
    given: list[dict[str, str]] = [one, one, {}, two, one]
    records: list[Outgoing] = [(b"k", b"v" * 30, headers, 1) for headers in given]
    found = [each for b in Writer(1, 0).batches(PLACE, records, 0, 200) for each in unpacked(b)[3]]
    assert [each[2] for each in found] == [
        [(name, text.encode()) for name, text in headers.items()] for headers in given
    ]


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    records: list[Outgoing] = [
        (b"a", b"1", [], 0),
        (b"b", b"x" * 5_000, [], 0),
        (b"c", b"3", [], 0),
    ]
    sizes = [len(batch.records) for batch in Writer(1, 0).batches(PLACE, records, 0, 1_000)]
    assert sizes == [1, 1, 1]


@given(
    sizes=st.lists(st.integers(0, 400), max_size=60),
    sequence=st.integers(0, LAST),
    size_bytes_max=st.integers(100, 3_000),
)
def test_batches_and_their_halves_hold_every_record_once_in_order(
    sizes: list[int], sequence: int, size_bytes_max: int
) -> None:
    records: list[Outgoing] = [
        (b"%d" % number, b"x" * size, [], 1_000 + number) for number, size in enumerate(sizes)
    ]
    batches = Writer(9, 1).batches(PLACE, records, sequence, size_bytes_max)
    halved = [half for batch in batches for half in batch.halves()]
    for made in (batches, halved):
        expected = sequence
        found: list[Outgoing] = []
        for batch in made:
            _, _, base, inside = unpacked(batch)
            assert base == batch.sequence == expected
            assert batch.place == PLACE
            assert len(inside) == len(batch.records)
            assert len(inside) == 1 or len(batch.buffer) <= size_bytes_max + 100
            expected = sequence_after(expected, len(inside))
            found += inside
        assert found == records
