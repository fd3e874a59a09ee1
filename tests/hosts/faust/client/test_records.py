"""What a member reads is what was written, also where a header's name is not UTF-8."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.record import Record
from pipeline.hosts.faust.client import codes
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.client.link import Link
from pipeline.hosts.faust.client.records import EpochRecords
from pipeline.hosts.faust.client.unpack import Corrupt
from tests.hosts.faust.client.conftest import NewConsumer
from tests.hosts.faust.client.faults import Faults
from tests.hosts.faust.client.wire import ABORT, COMMIT, Crafted, batch, packed
from tests.kafka import Broker
from tests.wait import wait_until_async

FETCH = 1
WITHIN_S = 20.0
PLACE = TopicPartition("in", 3)


def theirs(raw: bytes, position: int, aborted: Sequence[tuple[int, int]]) -> PartitionRecords:
    return PartitionRecords(
        PLACE, MemoryRecords(raw), list(aborted), position, None, None, True, READ_COMMITTED
    )


def ours(raw: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> EpochRecords:
    return EpochRecords(theirs(raw, position, aborted), raw)


async def appended(link: Link, topic: str, raw: bytes) -> bool:
    request = ProduceRequest(
        transactional_id=None, required_acks=-1, timeout=9_000, topics=[(topic, [(0, raw)])]
    )
    answer = await link.client.send(link.leader(topic, 0), request)
    code = answer.topics[0][1][0][1]
    assert code in {Code.NONE, *codes.STALE_METADATA}
    return not code


async def write(broker: Broker, topic: str, *batches: bytes) -> None:
    """Append batches as they are."""
    link = Link({"bootstrap_servers": broker.bootstrap}, 10_000)
    await link.start()
    try:
        await link.partitions(topic, 10)
        async with asyncio.timeout(WITHIN_S):
            for raw in batches:
                while not await appended(link, topic, raw):
                    await link.refresh()
    finally:
        await link.stop()


@pytest.mark.parametrize("limit", [1, 500])
async def test_a_header_whose_name_is_not_utf8_stops_no_partition(
    broker: Broker, topic: str, new_consumer: NewConsumer, limit: int
) -> None:
    some: list[Crafted] = [(b"k", b"1", [("café", b"x")]), (b"k", b"2", [("h", "é".encode())])]
    foreign = packed(
        0, [*some, (b"\xff", b"3", [("café", b"\xff"), ("no", None)])], is_foreign=True
    )
    await write(broker, topic, packed(0, some), foreign, packed(0, some))
    consumer = await new_consumer(topic, broker.new_name("group"), "slot-1")
    found: list[Record] = []
    while len(found) < 7:
        for records in (await consumer.getmany(timeout_ms=500, max_records=limit)).values():
            assert len(records) <= limit
            found += records
    assert [record.offset for record in found] == list(range(7))
    assert [record.value for record in found] == [b"1", b"2", b"1", b"2", b"3", b"1", b"2"]
    assert found[4] == Record(
        topic=topic,
        partition=0,
        offset=4,
        key="\ufffd",
        value=b"3",
        headers={"caf\ufffd\ufffd": "\ufffd"},
        timestamp_ms=1_002,
    )
    assert [record.headers for record in found[2:4]] == [{"café": "x"}, {"h": "é"}]


def test_a_record_without_a_time_has_time_0() -> None:
    builder = LegacyRecordBatchBuilder(0, 0, 1 << 20)
    for offset in range(3):
        builder.append(offset, None, b"k", b"v%d" % offset)
    records = ours(bytes(builder.build()), 1)
    assert [(record.value, record.timestamp_ms) for record in records] == [(b"v1", 0), (b"v2", 0)]
    assert records.next_fetch_offset == 3


def test_a_damaged_batch_is_refused_and_what_lies_before_it_read() -> None:
    bad = bytearray(batch(2, [b"c"]))
    bad[-1] ^= 1
    records = ours(batch(0, [b"a", b"b"]) + bytes(bad))
    assert [next(records).key, next(records).key] == ["a", "b"]
    with pytest.raises(Corrupt, match="checksum"):
        next(records)
    assert records.next_fetch_offset == 2


def _log(kinds: list[tuple[str, int]]) -> tuple[bytes, list[tuple[int, int]]]:
    """A log of batches by transactional producers, and what of it was aborted."""
    raw, at, firsts, aborted = b"", 0, dict[int, int](), list[tuple[int, int]]()
    for kind, producer in kinds:
        if kind == "data":
            firsts.setdefault(producer, at)
            raw += batch(at, [b"a", None, b"c"], producer=producer, last_delta=4, deltas=(0, 1, 3))
            at += 5
        elif producer in firsts:
            if kind == "abort":
                aborted.append((producer, firsts[producer]))
            key = ABORT if kind == "abort" else COMMIT
            raw += batch(at, [key], producer=producer, is_control=True)
            del firsts[producer]
            at += 1
    return raw, aborted


_STEPS = st.tuples(st.sampled_from(["data", "data", "abort", "commit"]), st.integers(1, 3))


def _read(records: Any, limit: int) -> Iterator[tuple[list[Any], int]]:
    """As aiokafka's fetcher does it, so many at a time; with the position after each."""

    class Anywhere:
        active = True

        def state_value(self, _place: Any) -> Any:
            return self

        paused = False
        position = records.next_fetch_offset

        def consumed_to(self, offset: int) -> None:
            self.position = offset

    where = Anywhere()
    result = FetchResult(PLACE, assignment=where, partition_records=records, backoff=0)
    while result.has_more():
        yield [(r.offset, r.value) for r in result.getall(limit)], where.position


@given(st.lists(_STEPS, max_size=12), st.integers(0, 4), st.sampled_from([1, 2, 4, 500]))
def test_records_and_positions_are_those_of_aiokafka(
    kinds: list[tuple[str, int]], position: int, limit: int
) -> None:
    raw, aborted = _log([("data", 1), *kinds])  # brokers begin with the batch of the position
    wanted = list(_read(theirs(raw, position, aborted), limit))
    assert list(_read(ours(raw, position, aborted), limit)) == wanted


async def test_a_pause_after_an_error_does_not_outlast_the_end(
    broker: Broker,
    topic: str,
    new_consumer: NewConsumer,
    faults: Faults,
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = await new_consumer(topic, broker.new_name("group"), "slot-1", fetch_max_wait_ms=50)
    consumer._fetcher._retry_backoff = 60.0  # its alone: the coordinator pauses too
    faults.lose(FETCH)
    await wait_until_async(lambda: "Failed fetch" in caplog.text, what="a fetch that fails")
    await asyncio.wait_for(consumer._fetcher.close(), WITHIN_S)
    assert all(task.done() for task in consumer._fetcher._pending_tasks)
