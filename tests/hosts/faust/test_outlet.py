"""Lanes and what brokers answer: the cases that a healthy cluster does not give."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.errors import Busy, StoreError
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.lane import Lane, Request
from pipeline.hosts.faust.outlet import Outlet

SIZE = 10_000


def request(count: int, asked_at_s: float = 0.0) -> Request:
    future = asyncio.get_running_loop().create_future()
    return Request(future=future, places=[("", -1, -1)] * count, left=count, asked_at_s=asked_at_s)


def lane(**changes: Any) -> Lane:
    return Lane(topic="t", partition=3, producer=(7, 0), **changes)


def put(one: Lane, asked: Request, *values: bytes) -> None:
    for index, value in enumerate(values):
        one.waiting.append(((b"k", value, [], 5), asked, index))


def held(buffer: bytearray) -> tuple[int, list[bytes]]:
    """The base sequence of a batch as it lies on the wire, and its values."""
    batch = MemoryRecords(bytes(buffer)).next_batch()
    assert batch.producer_id == 7
    return batch.base_sequence, [record.value for record in batch]


async def test_sequences_go_on_and_a_batch_that_is_tried_again_stays_as_it_is() -> None:
    one, first, second = lane(), request(2), request(1)
    put(one, first, b"a", b"b")
    batch = one.fill(SIZE)
    assert batch is not None
    put(one, second, b"c")
    assert one.fill(SIZE) is batch
    assert held(batch.buffer) == (0, [b"a", b"b"])
    one.landed(40)
    assert first.future.result() == [("t", 3, 40), ("t", 3, 41)]
    batch = one.fill(SIZE)
    assert batch is not None
    assert held(batch.buffer) == (2, [b"c"])
    assert not second.future.done()
    one.landed(-1)  # a broker that knows of the batch, but no more where it lies
    assert second.future.result() == [("t", 3, -1)]
    assert not one.has_work


async def test_what_was_given_up_is_not_sent_and_the_lane_begins_anew() -> None:
    one, lost, late, good = lane(), request(1, 1.0), request(1, 2.0), request(1, 3.0)
    put(one, lost, b"lost")
    one.fill(SIZE)
    put(one, late, b"late")
    put(one, good, b"good")
    one.give_up(Busy("no"))
    with pytest.raises(Busy):
        lost.future.result()
    late.fail(Busy("late"))
    with pytest.raises(Busy):
        late.future.result()
    assert one.fill(SIZE) is None  # not under the producer id whose sequences have a hole now
    one.producer = (7, 0)
    batch = one.fill(SIZE)
    assert batch is not None
    assert held(batch.buffer) == (0, [b"good"])
    assert batch.asked_at_s == 3.0
    one.refuse(StoreError("never"))
    assert not one.has_work
    assert isinstance(good.future.exception(), StoreError)


@given(
    sizes=st.lists(st.integers(0, 3_000), max_size=30),
    is_over=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_batches_hold_all_that_is_wanted_once_and_in_order(
    sizes: list[int], is_over: list[bool]
) -> None:
    async def run() -> None:
        one = lane()
        asked = [request(1) for _ in sizes]
        for number, size in enumerate(sizes):
            put(one, asked[number], f"{number}:".encode() + b"x" * size)
            if is_over[number]:
                asked[number].future.cancel()
        wanted = [number for number in range(len(sizes)) if not is_over[number]]
        offset, seen = 0, []
        while one.fill(SIZE) is not None:
            batch = one.batch
            assert batch is not None
            sequence, values = held(batch.buffer)
            assert sequence == offset
            assert len(values) == 1 or len(batch.buffer) <= SIZE
            seen += [int(value.partition(b":")[0]) for value in values]
            one.landed(offset)
            offset += len(values)
        assert seen == wanted
        found = [asked[number].future.result() for number in wanted]
        assert found == [[("t", 3, at)] for at in range(len(wanted))]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (Code.TOPIC_AUTHORIZATION_FAILED, StoreError, "grant it WRITE"),
        (Code.CLUSTER_AUTHORIZATION_FAILED, StoreError, "grant it WRITE"),
        (Code.MESSAGE_TOO_LARGE, StoreError, "topology plan"),
        (Code.OUT_OF_ORDER_SEQUENCE_NUMBER, Busy, "OUT_OF_ORDER"),
        (Code.INVALID_PRODUCER_EPOCH, Busy, "INVALID_PRODUCER_EPOCH"),
        (87, Busy, "error 87"),
    ],
)
async def test_what_is_refused_is_said_and_never_tried_again(
    code: int, kind: type[StoreError], text: str
) -> None:
    failures: list[str] = []
    outlet = Outlet({"bootstrap_servers": "127.0.0.1:1"}, {"t": SIZE}, failures.append)
    outlet._producer = (7, 0)
    one, asked = lane(), request(1)
    put(one, asked, b"a")
    batch = one.fill(SIZE)
    assert batch is not None
    outlet._settle([(one, batch)], {("t", 3): (code, -1)})
    with pytest.raises(kind, match=text) as refused:
        asked.future.result()
    assert isinstance(refused.value, Busy) == (kind is Busy)
    assert text in failures[0]
    assert not one.has_work
    # Under its former id the lane's first sequence would look like one that was written long ago.
    assert one.producer is None
    assert outlet._producer is None
    await outlet.close()


@pytest.mark.parametrize(
    "answer",
    [
        {("t", 3): (Code.NOT_ENOUGH_REPLICAS, -1)},
        {("t", 3): (Code.NOT_LEADER_OR_FOLLOWER, -1)},
        {("t", 3): (Code.UNKNOWN_TOPIC_OR_PARTITION, -1)},
        {},
        "broker 1 does not answer",
    ],
)
async def test_what_may_go_better_is_tried_again_until_it_is_late(answer: Any) -> None:
    failures: list[str] = []
    outlet = Outlet({"bootstrap_servers": "127.0.0.1:1"}, {"t": SIZE}, failures.append)
    outlet._producer = (7, 0)
    one, asked = lane(), request(1, asked_at_s=100.0)
    outlet._active["t", 3] = one
    put(one, asked, b"a")
    batch = one.fill(SIZE)
    assert batch is not None
    outlet._settle([(one, batch)], answer)
    assert one.batch is batch
    assert one.why
    outlet.give_up(late_s=99.0)
    assert not asked.future.done()
    outlet.give_up(late_s=101.0)
    assert isinstance(asked.future.exception(), Busy)
    assert one.why in failures[0]
    # An answer that comes after that is about nothing any more.
    outlet._settle([(one, batch)], {("t", 3): (Code.NONE, 9)})
    assert one.producer is None
    await outlet.close()
