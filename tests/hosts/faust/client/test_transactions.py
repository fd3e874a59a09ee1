"""An epoch on a real broker is visible as a whole or not at all."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from pipeline.hosts.faust.client.batches import Batch, Outgoing, Place
from pipeline.hosts.faust.client.errors import (
    Fenced,
    Refused,
    StaleGeneration,
    UnknownTopic,
)
from pipeline.hosts.faust.client.offsets import fence, stable_offsets
from pipeline.hosts.faust.client.transactions import EpochProducer, Member
from tests.hosts.faust.client.conftest import NewConsumer, NewProducer
from tests.hosts.faust.client.reading import read_committed
from tests.hosts.faust.topics import make_topic, set_config
from tests.kafka import Broker

AT_MS = 1_700_000_000_000
IN_ORDER = [
    "before-begin",
    "begun",
    "partition-added",
    "sent",
    "before-offsets",
    "after-offsets",
    "before-end",
    "end-sent",
    "ended",
]


def values(broker: Broker, *topics: str) -> list[bytes]:
    return sorted(message.value() or b"" for message in read_committed(broker.bootstrap, *topics))


def records(*contents: bytes) -> list[Outgoing]:
    return [(content[:4], content, [], AT_MS) for content in contents]


async def test_what_is_committed_is_there_as_it_was_given(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member
) -> None:
    given: list[Outgoing] = [
        (b"k", b"v", [("origin", b"raw-alerts:0:7")], AT_MS),
        (b"k", None, [], AT_MS + 1),
        (None, b"w", [], AT_MS + 2),
    ]
    last = await producer.commit({(topic, 1): given, (topic, 2): []}, {(topic, 0): 5}, anybody)
    found = read_committed(broker.bootstrap, topic)
    assert [(m.key(), m.value(), m.headers() or [], m.timestamp()[1]) for m in found] == given
    assert {m.partition() for m in found} == {1}
    assert last == {(topic, 1): found[-1].offset()}


async def test_offsets_and_their_writer_are_committed_with_it(
    topic: str, producer: EpochProducer, anybody: Member
) -> None:
    for offset in (5, 9):
        await producer.commit(
            {(topic, 1): records(b"a")}, {(topic, 0): offset, (topic, 3): offset + 1}, anybody
        )
    places = [(topic, 0), (topic, 1), (topic, 3)]
    found = await stable_offsets(producer._link.client, anybody.group, places)
    writer = producer.transactional_id
    assert found == {(topic, 0): (9, writer), (topic, 3): (10, writer)}


async def test_an_epoch_may_hold_offsets_alone(
    topic: str, producer: EpochProducer, anybody: Member
) -> None:
    assert await producer.commit({}, {(topic, 0): 5}, anybody) == {}
    with pytest.raises(ValueError, match="could not be fenced"):
        await producer.commit({(topic, 0): records(b"a")}, {}, anybody)


async def test_its_points_are_reached_in_order(
    topic: str, producer: EpochProducer, anybody: Member, seen_points: list[str]
) -> None:
    await producer.commit({(topic, 0): records(b"a")}, {(topic, 0): 1}, anybody)
    beside = ("half-sent", "before-add-offsets", "after-add-offsets")
    assert [point for point in seen_points if point not in beside] == IN_ORDER
    for point in beside:
        where = seen_points.index(point)
        assert seen_points.index("partition-added") < where < seen_points.index("sent")


async def test_a_hundred_thousand_records_in_one_epoch(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member
) -> None:
    outgoing: dict[Place, list[Outgoing]] = {(topic, number): [] for number in range(4)}
    for number in range(100_000):
        outgoing[topic, number % 4].append((b"%d" % number, b"x" * 60, [], AT_MS))
    last = await producer.commit(outgoing, {(topic, 0): 1}, anybody)
    found = read_committed(broker.bootstrap, topic)
    for partition in range(4):
        mine = [message for message in found if message.partition() == partition]
        assert [int(message.key()) for message in mine] == list(range(partition, 100_000, 4))
        assert mine[-1].offset() == last[topic, partition]


async def test_a_large_record_goes_alone_and_a_larger_one_is_refused_before_anything(
    broker: Broker, new_producer: NewProducer, anybody: Member
) -> None:
    topic = broker.new_name("large")
    make_topic(broker.bootstrap, topic, 1, {"max.message.bytes": "8000000"})
    producer = await new_producer(request_bytes_max=5_000_000)
    await producer.commit(
        {(topic, 0): records(b"a", b"b" * 4_000_000, b"c")}, {(topic, 0): 1}, anybody
    )
    with pytest.raises(Refused, match=f"{topic}: a record of 60000"):
        await producer.commit({(topic, 0): records(b"d" * 6_000_000)}, {(topic, 0): 2}, anybody)
    assert not producer._is_open
    await producer.commit({(topic, 0): records(b"e")}, {(topic, 0): 2}, anybody)
    assert [len(m.value()) for m in read_committed(broker.bootstrap, topic)] == [1, 4_000_000, 1, 1]


async def test_a_record_that_the_topic_refuses_takes_its_whole_epoch_along(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member
) -> None:
    small = broker.new_name("small")
    make_topic(broker.bootstrap, small, 1, {"max.message.bytes": "1000"})
    outgoing = {(topic, 0): records(b"lost"), (small, 0): records(b"x" * 3_000)}
    with pytest.raises(Refused, match=r"MESSAGE_TOO_LARGE \(10\)") as caught:
        await producer.commit(outgoing, {(topic, 0): 7}, anybody)
    assert caught.value.what == small
    await producer.commit({(topic, 0): records(b"next")}, {(topic, 0): 8}, anybody)
    assert values(broker, topic, small) == [b"next"]


async def test_small_records_fit_into_a_topic_whose_brokers_take_less_than_a_batch(
    broker: Broker, producer: EpochProducer, anybody: Member
) -> None:
    topic = broker.new_name("narrow")
    make_topic(broker.bootstrap, topic, 1, {"max.message.bytes": "2000"})
    numbered = [b"%04d" % number + b"x" * 100 for number in range(200)]
    for epoch in range(2):
        await producer.commit({(topic, 0): records(*numbered)}, {(topic, 0): epoch}, anybody)
    assert [message.value() for message in read_committed(broker.bootstrap, topic)] == numbered * 2


async def test_an_unknown_topic_aborts_and_is_named(
    broker: Broker, topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    producer = await new_producer(transaction_timeout_ms=8_000)
    nowhere = broker.new_name("nowhere")
    outgoing = {(topic, 0): records(b"lost"), (nowhere, 0): records(b"lost")}
    with pytest.raises(UnknownTopic, match=f"{nowhere}: .*topology apply"):
        await producer.commit(outgoing, {(topic, 0): 1}, anybody)
    with pytest.raises(UnknownTopic, match=nowhere):
        await producer.partitions(nowhere)
    assert await producer.partitions(topic) == 4
    await producer.commit({(topic, 0): records(b"next")}, {(topic, 0): 1}, anybody)
    assert values(broker, topic) == [b"next"]


async def test_a_topic_made_a_moment_ago_is_found(
    broker: Broker, producer: EpochProducer, anybody: Member
) -> None:
    topic = broker.new_name("new")
    make_topic(broker.bootstrap, topic)
    await producer.commit({(topic, 3): records(b"first")}, {(topic, 0): 1}, anybody)
    assert values(broker, topic) == [b"first"]


async def test_an_aborted_epoch_is_hidden_and_its_offsets_are_not_committed(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member
) -> None:
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    await producer._write({(topic, 0): records(b"two")}, {(topic, 0): 2}, anybody)
    await producer.abort()
    await producer.abort()  # nothing is open now
    found = await stable_offsets(producer._link.client, anybody.group, [(topic, 0)])
    assert found[topic, 0][0] == 1
    await producer.commit({(topic, 0): records(b"three")}, {(topic, 0): 3}, anybody)
    assert values(broker, topic) == [b"one", b"three"]


async def test_no_fault_of_ours_lets_a_transaction_commit(
    broker: Broker,
    topic: str,
    producer: EpochProducer,
    anybody: Member,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(_: list[Batch]) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(producer, "_check", breaks)
        with pytest.raises(RuntimeError, match="a bug"):
            await producer.commit({(topic, 0): records(b"lost")}, {(topic, 0): 1}, anybody)
    await producer.commit({(topic, 0): records(b"next")}, {(topic, 0): 1}, anybody)
    assert values(broker, topic) == [b"next"]


@pytest.mark.parametrize("step", ["_add_partitions", "_append", "_stage_offsets"])
async def test_a_cancelled_epoch_is_aborted_by_the_next(
    broker: Broker,
    topic: str,
    producer: EpochProducer,
    anybody: Member,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    is_there = asyncio.Event()
    done = getattr(producer, step)

    async def hangs(*arguments: object) -> None:
        await done(*arguments)
        is_there.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(producer, step, hangs)
        task = asyncio.create_task(
            producer.commit({(topic, 0): records(b"lost")}, {(topic, 0): 1}, anybody)
        )
        await is_there.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await producer.commit({(topic, 0): records(b"next")}, {(topic, 0): 2}, anybody)
    assert values(broker, topic) == [b"next"]


async def test_a_zombie_is_fenced_when_its_slot_starts_again(
    broker: Broker, topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    slot = broker.new_name("slot")
    zombie = await new_producer(slot)
    await zombie.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    heir = await new_producer(slot)
    for _ in range(2):  # and once it is fenced it stays so
        with pytest.raises(Fenced, match="taken over"):
            await zombie.commit({(topic, 0): records(b"late")}, {(topic, 0): 2}, anybody)
    await heir.commit({(topic, 0): records(b"two")}, {(topic, 0): 2}, anybody)
    assert values(broker, topic) == [b"one", b"two"]


async def test_an_open_transaction_is_aborted_when_its_slot_starts_again(
    broker: Broker, topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    slot = broker.new_name("slot")
    dead = await new_producer(slot)
    await dead._write({(topic, 0): records(b"half")}, {(topic, 0): 1}, anybody)
    heir = await new_producer(slot)
    await heir.commit({(topic, 0): records(b"whole")}, {(topic, 0): 1}, anybody)
    assert values(broker, topic) == [b"whole"]


async def test_fencing_a_dead_writer_frees_its_partitions_at_once(
    broker: Broker, topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    dead = await new_producer(transaction_timeout_ms=600_000)
    await dead._write({(topic, 0): records(b"half")}, {(topic, 0): 1}, anybody)
    other = await new_producer()
    await other.commit({(topic, 0): records(b"behind")}, {(topic, 1): 1}, anybody)
    await fence({"bootstrap_servers": broker.bootstrap}, dead.transactional_id)
    assert values(broker, topic) == [b"behind"]  # the last stable offset has moved on
    with pytest.raises(Fenced):
        await dead._end(is_committed=True)


async def test_a_member_of_a_former_generation_commits_nothing(
    broker: Broker, topic: str, producer: EpochProducer, new_consumer: NewConsumer
) -> None:
    consumer = await new_consumer(topic, broker.new_name("group"), "slot-1")
    member = consumer.member()
    stale = msgspec.structs.replace(member, generation=member.generation - 1)
    with pytest.raises(StaleGeneration, match=r"ILLEGAL_GENERATION \(22\)"):
        await producer.commit({(topic, 0): records(b"stale")}, {(topic, 0): 9}, stale)
    assert await consumer.stable_offsets([(topic, 0)]) == {}
    await producer.commit({(topic, 0): records(b"fresh")}, {(topic, 0): 1}, member)
    assert values(broker, topic) == [b"fresh"]
    assert await consumer.stable_offsets([(topic, 0)]) == {
        (topic, 0): (1, producer.transactional_id)
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"member_id": "somebody"}, "FENCED_INSTANCE_ID"),
        ({"member_id": "somebody", "instance_id": "no-slot"}, "UNKNOWN_MEMBER_ID"),
    ],
)
async def test_whom_the_group_does_not_know_ends(
    broker: Broker,
    topic: str,
    producer: EpochProducer,
    new_consumer: NewConsumer,
    change: dict[str, str],
    said: str,
) -> None:
    consumer = await new_consumer(topic, broker.new_name("group"), "slot-1")
    stranger = msgspec.structs.replace(consumer.member(), **change)
    with pytest.raises(Fenced, match=said):
        await producer.commit({(topic, 0): records(b"strange")}, {(topic, 0): 9}, stranger)


async def test_a_limit_that_is_lowered_under_way_is_learned(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member
) -> None:
    numbered = [b"%04d" % number + b"x" * 90 for number in range(100)]
    await producer.commit({(topic, 0): records(*numbered)}, {(topic, 0): 1}, anybody)
    set_config(broker.bootstrap, topic, "max.message.bytes", "3000")
    await producer.commit({(topic, 0): records(*numbered)}, {(topic, 0): 2}, anybody)
    assert [message.value() for message in read_committed(broker.bootstrap, topic)] == numbered * 2
