"""BulkReader on a real broker: only what is committed, to the true end, whatever lies between."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import ClassVar

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError
from aiokafka.structs import TopicPartition

from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import Bounds, BulkReader, OutOfRange, Stalled, Stretch
from pipeline.hosts.faust.client.describing import Described
from pipeline.hosts.faust.client.errors import UnknownTopic
from tests.kafka import Broker
from tests.wait import wait_until_async


@pytest.fixture
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def topic(broker: Broker, admin: AIOKafkaAdminClient) -> str:
    name = broker.new_name("bulk")
    await admin.create_topics([NewTopic(name, 2, 1, topic_configs={"cleanup.policy": "compact"})])
    return name


@pytest.fixture
async def reader(broker: Broker) -> AsyncIterator[BulkReader]:
    made = BulkReader({"bootstrap_servers": broker.bootstrap}, patience_s=20)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def writer(broker: Broker) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap,
        transactional_id=broker.new_name("writer"),
        transaction_timeout_ms=60_000,
    )
    await made.start()
    yield made
    await made.stop()


async def send(writer: AIOKafkaProducer, topic: str, keys: list[str], partition: int = 0) -> None:
    for key in keys:
        await writer.send(topic, key.encode() * 3, key.encode(), partition=partition)
    await writer.flush()


async def commit(writer: AIOKafkaProducer, topic: str, keys: list[str], partition: int = 0) -> None:
    async with writer.transaction():
        await send(writer, topic, keys, partition)


async def abort(writer: AIOKafkaProducer, topic: str, keys: list[str]) -> None:
    await writer.begin_transaction()
    await send(writer, topic, keys)
    await writer.abort_transaction()


async def read(reader: BulkReader, topic: str, start: int = 0) -> list[Stretch]:
    until = (await reader.bounds([(topic, 0)]))[topic, 0].next
    return [stretch async for stretch in reader.read((topic, 0), start, until)]


def keys(stretches: list[Stretch]) -> list[str]:
    return [(row[0] or b"").decode() for stretch in stretches for row in stretch.rows]


async def test_an_empty_partition_ends_where_it_begins(reader: BulkReader, topic: str) -> None:
    assert await reader.partitions(topic) == 2
    assert await reader.bounds([(topic, 0), (topic, 1)]) == {
        (topic, 0): Bounds(0, 0),
        (topic, 1): Bounds(0, 0),
    }
    assert await read(reader, topic) == []


async def test_what_is_aborted_and_markers_are_left_out(
    reader: BulkReader, writer: AIOKafkaProducer, topic: str
) -> None:
    await commit(writer, topic, ["a", "b"])
    await abort(writer, topic, ["c", "d"])
    await commit(writer, topic, ["e"])
    await abort(writer, topic, ["f"])
    stretches = await read(reader, topic)
    assert keys(stretches) == ["a", "b", "e"]
    rows = [row for stretch in stretches for row in stretch.rows]
    assert [(row[1], row[2]) for row in rows] == [(b"aaa", 0), (b"bbb", 1), (b"eee", 6)]
    assert stretches[-1].next == 10, "two aborted records, four markers: the end is behind them"


async def test_reading_from_the_middle_of_a_batch_and_of_an_aborted_transaction(
    reader: BulkReader, writer: AIOKafkaProducer, topic: str
) -> None:
    await commit(writer, topic, ["a", "b", "c"])
    await abort(writer, topic, ["d", "e", "f"])
    await commit(writer, topic, ["g"])
    for start, expected in ((1, ["b", "c", "g"]), (2, ["c", "g"]), (5, ["g"]), (7, ["g"]), (9, [])):
        assert keys(await read(reader, topic, start)) == expected, f"from {start}"


async def test_an_open_transaction_is_waited_for_until_it_is_ended(
    broker: Broker, reader: BulkReader, writer: AIOKafkaProducer, topic: str
) -> None:
    await commit(writer, topic, ["a"])
    await writer.begin_transaction()
    await send(writer, topic, ["b"])
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as plain:
        await plain.send_and_wait(topic, b"c", b"c", partition=0)
    assert (await reader.bounds([(topic, 0)]))[topic, 0] == Bounds(0, 4), "the true end, not LSO"
    reading = asyncio.create_task(read(reader, topic))
    done, _ = await asyncio.wait({reading}, timeout=1)
    assert not done
    await writer.commit_transaction()
    assert keys(await reading) == ["a", "b", "c"]


async def test_a_transaction_that_nobody_ends_is_named(
    broker: Broker, writer: AIOKafkaProducer, topic: str
) -> None:
    await commit(writer, topic, ["a"])
    await writer.begin_transaction()
    await send(writer, topic, ["b"])
    hasty = BulkReader({"bootstrap_servers": broker.bootstrap}, patience_s=1)
    await hasty.start()
    with pytest.raises(Stalled, match=r"a transaction that begins at offset 2 was not ended"):
        await read(hasty, topic)
    await hasty.stop()
    await writer.abort_transaction()


async def test_offsets_that_the_log_does_not_have_are_refused(
    broker: Broker, reader: BulkReader, writer: AIOKafkaProducer, admin: AIOKafkaAdminClient
) -> None:
    topic = broker.new_name("deleted")
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await commit(writer, topic, ["a", "b"])
    with pytest.raises(OutOfRange, match="no offset 99"):
        await reader.fetch({(topic, 0): 99})
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=2)})
    assert (await reader.bounds([(topic, 0)]))[topic, 0] == Bounds(2, 3)
    with pytest.raises(OutOfRange, match="no offset 0"):
        await read(reader, topic)


async def test_a_topic_that_does_not_exist_is_named(broker: Broker) -> None:
    reader = BulkReader({"bootstrap_servers": broker.bootstrap}, patience_s=0.5)
    await reader.start()
    with pytest.raises(UnknownTopic, match="nowhere"):
        await reader.partitions("nowhere")
    with pytest.raises(UnknownTopic, match="nowhere"):
        await reader.bounds([("nowhere", 0)])
    with pytest.raises(UnknownTopic, match="nowhere"):
        await reader.describe("nowhere")
    await reader.stop()


async def test_a_topic_made_anew_is_another(
    broker: Broker, reader: BulkReader, admin: AIOKafkaAdminClient
) -> None:
    name = broker.new_name("again")
    found: list[Described] = []
    for retention_ms in ("1000", "86400000"):
        kept = {"delete.retention.ms": retention_ms}
        while not found or found[-1].delete_retention_ms != int(retention_ms):
            with suppress(TopicAlreadyExistsError):
                await admin.create_topics([NewTopic(name, 3, 1, topic_configs=kept)])
            found.append(await reader.describe(name))
        await admin.delete_topics([name])
    assert {described.partitions for described in found} == {3}
    assert found[0].topic_id != found[-1].topic_id
    assert re.fullmatch(r"[\w-]{22}", found[0].topic_id)


class Hollow(BulkReader):
    """A broker that has nothing left below its end, or says so once by mistake."""

    answers: ClassVar[list[Stretch]] = []

    async def fetch(
        self, positions: Mapping[Place, int], *, wait_ms: int = 0
    ) -> dict[Place, Stretch]:
        answer = self.answers.pop(0) if self.answers else EMPTY
        return {
            place: answer._replace(next=max(answer.next, at)) for place, at in positions.items()
        }


EMPTY = Stretch([], [], 0, 9, 9, is_empty=True)
FULL = Stretch([(b"a", b"1", 7, 0)], [], 9, 9, 9, is_empty=False)


async def test_an_end_that_compaction_took_is_believed_when_said_twice() -> None:
    place = ("log", 0)
    reader = Hollow({"bootstrap_servers": "127.0.0.1:1"}, patience_s=5)
    assert [stretch.next async for stretch in reader.read(place, 4, 9)] == [9]
    reader.answers.extend([EMPTY, FULL])
    assert [stretch async for stretch in reader.read(place, 4, 9)] == [FULL]
    hasty = Hollow({"bootstrap_servers": "127.0.0.1:1"}, patience_s=0.2)
    hasty.answers.extend([EMPTY._replace(last_stable=5)] * 100_000)
    with pytest.raises(Stalled, match="could not be read from offset 4 to 9"):
        assert [stretch async for stretch in hasty.read(place, 4, 9)]
    hasty.answers.clear()


async def test_several_partitions_and_headers_at_once(
    broker: Broker, writer: AIOKafkaProducer, topic: str
) -> None:
    async with writer.transaction():
        await writer.send(topic, b"1", b"a", partition=0, headers=[("tenant", b"x")])
        await writer.send(topic, b"2", b"b", partition=1, timestamp_ms=1_750_000_000_000)
        await writer.send(topic, None, b"c", partition=1)
    reader = BulkReader({"bootstrap_servers": broker.bootstrap}, with_headers=True)
    await reader.start()
    found: dict[tuple[str, int], Stretch] = {}
    while len(found) < 2 or not all(stretch.rows for stretch in found.values()):
        found = await reader.fetch({(topic, 0): 0, (topic, 1): 0})
    await reader.stop()
    first, second = found[topic, 0], found[topic, 1]
    assert [row[:3] for row in first.rows] == [(b"a", b"1", 0)]
    assert first.headers == [[("tenant", b"x")]]
    assert [row[:3] for row in second.rows] == [(b"b", b"2", 0), (b"c", None, 1)]
    assert (second.rows[0][3], second.headers) == (1_750_000_000_000, [[], []])
    assert (first.next, first.high_watermark, first.last_stable) in {(2, 2, 2), (1, 1, 1)}


async def test_many_answers_make_one_partition(
    broker: Broker, writer: AIOKafkaProducer, topic: str
) -> None:
    names = [f"key-{number:05d}" for number in range(2_000)]
    for start in range(0, 2_000, 500):
        await commit(writer, topic, names[start : start + 500])
        await abort(writer, topic, names[:50])
    reader = BulkReader({"bootstrap_servers": broker.bootstrap}, partition_bytes_max=2_000)
    await reader.start()
    stretches = await read(reader, topic)
    await reader.stop()
    assert len(stretches) > 2
    assert keys(stretches) == names


async def test_what_compaction_left_is_read_to_the_true_end(
    broker: Broker, reader: BulkReader, admin: AIOKafkaAdminClient, writer: AIOKafkaProducer
) -> None:
    name = broker.new_name("compacted")
    eager = {
        "cleanup.policy": "compact",
        "segment.ms": "50",
        "min.cleanable.dirty.ratio": "0.0",
        "delete.retention.ms": "0",
        "max.compaction.lag.ms": "1",
    }
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=eager)])

    async def is_cleaned() -> bool:
        await commit(writer, name, ["a", "b", "c"])
        rows = [row for stretch in await read(reader, name) for row in stretch.rows]
        return len(rows) < rows[-1][2] // 2

    deadline_s = asyncio.get_running_loop().time() + 60
    while not await is_cleaned():
        assert asyncio.get_running_loop().time() < deadline_s, "the log was never cleaned"
    stretches = await read(reader, name)
    assert {"a", "b", "c"} == set(keys(stretches))
    assert stretches[-1].next == (await reader.bounds([(name, 0)]))[name, 0].next


async def test_a_broker_that_comes_back_is_read_on(
    broker: Broker, reader: BulkReader, writer: AIOKafkaProducer, topic: str
) -> None:
    await commit(writer, topic, ["a"])
    assert keys(await read(reader, topic)) == ["a"]
    for connection in list(reader._link.client._conns.values()):
        connection.close()
    await wait_until_async(
        lambda: not any(c.connected() for c in reader._link.client._conns.values()), what="closed"
    )
    await commit(writer, topic, ["b"])
    assert keys(await read(reader, topic)) == ["a", "b"]
