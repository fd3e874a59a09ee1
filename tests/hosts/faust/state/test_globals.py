"""GlobalReader on a real broker: complete before it starts, then following, newest per key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pipeline.domain.errors import StoreError
from pipeline.domain.record import Record
from pipeline.hosts.faust.client.bulk import BulkReader, OutOfRange
from pipeline.hosts.faust.client.errors import UnknownTopic
from pipeline.hosts.faust.state import globals as globals_
from pipeline.hosts.faust.state.globals import GlobalReader
from tests.hosts.faust.state.topics import Writer, new_topic, writing
from tests.kafka import Broker
from tests.wait import wait_until_async

Rows = dict[str, bytes | None]


@asynccontextmanager
async def following(broker: Broker, *topics: str) -> AsyncIterator[GlobalReader]:
    reader = GlobalReader({"bootstrap_servers": broker.bootstrap}, topics)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def put(writer: Writer, topic: str, rows: Rows) -> None:
    async with writer.producer.transaction():
        for key, value in rows.items():
            await writer.producer.send(topic, value, key.encode(), partition=0)


def seen(records: list[Record], topic: str) -> Rows:
    return {record.key: record.value for record in records if record.topic == topic}


async def test_a_start_ends_when_all_that_is_committed_is_there(broker: Broker) -> None:
    silences, services = await new_topic(broker, "silences"), await new_topic(broker, "services")
    async with writing(broker) as writer:
        await put(writer, silences, {"a": b"1", "b": b"1"})
        await put(writer, silences, {"b": None, "é": b"2"})
        await put(writer, services, {str(n): b"%d" % n for n in range(500)})
        await writer.producer.begin_transaction()
        await writer.producer.send(silences, b"9", b"a", partition=0)
        await writer.producer.abort_transaction()
        async with following(broker, silences, services) as reader:
            records = reader.drain()
            assert reader.is_current
    assert seen(records, silences) == {"a": b"1", "b": None, "é": b"2"}
    assert seen(records, services) == {str(n): b"%d" % n for n in range(500)}
    offsets = [record.offset for record in records if record.topic == silences]
    assert offsets == sorted(offsets)


async def test_an_open_transaction_below_the_end_is_waited_for(broker: Broker) -> None:
    topic = await new_topic(broker, "silences")
    async with writing(broker) as writer:
        await writer.producer.begin_transaction()
        await writer.producer.send(topic, b"1", b"a", partition=0)
        await writer.producer.flush()
        reader = GlobalReader({"bootstrap_servers": broker.bootstrap}, [topic])
        starting = asyncio.create_task(reader.start())
        done, _ = await asyncio.wait({starting}, timeout=0.7)
        assert not done
        await writer.producer.commit_transaction()
        await starting
        assert seen(reader.drain(), topic) == {"a": b"1"}
        await reader.stop()


async def test_what_comes_later_is_drained_once_and_newest_per_key(broker: Broker) -> None:
    topic = await new_topic(broker, "changes")
    async with writing(broker) as writer, following(broker, topic) as reader:
        assert reader.drain() == []
        for number in range(5):
            await put(writer, topic, {"a": b"%d" % number, "b": b"1"})
        records: list[Record] = []

        def last_is_there() -> bool:
            records.extend(reader.drain())
            return seen(records, topic).get("a") == b"4"

        await wait_until_async(last_is_there, what="the last value")
        assert reader.drain() == []
        await put(writer, topic, {"a": b"5", "b": None})
        await put(writer, topic, {"a": b"6"})
        await wait_until_async(
            lambda: reader._came.get((topic, "a"), records[0]).value == b"6", what="it came"
        )
        assert seen(reader.drain(), topic) == {"b": None, "a": b"6"}


async def test_the_lag_grows_while_nothing_can_be_read(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(broker, "silences")
    async with following(broker, topic) as reader:
        monkeypatch.setattr(globals_, "LAG_MAX_S", 0.6)
        await wait_until_async(lambda: reader.is_current, what="the end is seen again and again")

        async def no_answer(*_: object) -> None:
            return None

        monkeypatch.setattr(BulkReader, "_ask", no_answer)
        await wait_until_async(lambda: not reader.is_current, what="the lag is seen")
        assert reader.lags_s()[topic] > 0.6
        monkeypatch.undo()
        await wait_until_async(lambda: reader.lags_s()[topic] < 0.6, what="it reads again")


async def test_what_ends_the_reading_ends_the_worker(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(broker, "silences")
    async with following(broker, topic) as reader:

        async def gone(*_: object) -> None:
            raise OutOfRange((topic, 0), 3)

        monkeypatch.setattr(BulkReader, "fetch", gone)
        await wait_until_async(lambda: reader._loop._error is not None, what="the reading ends")
        with pytest.raises(OutOfRange, match="no offset 3"):
            reader.drain()


async def test_topics_that_cannot_be_globals_are_refused_at_the_start(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = GlobalReader({"bootstrap_servers": broker.bootstrap}, [await new_topic(broker, "w", 2)])
    with pytest.raises(StoreError, match="has 2 partitions"):
        await wide.start()
    await wide.stop()
    monkeypatch.setattr(BulkReader.__init__, "__kwdefaults__", _hasty())
    absent = GlobalReader({"bootstrap_servers": broker.bootstrap}, ["nowhere"])
    with pytest.raises(UnknownTopic, match="nowhere"):
        await absent.start()
    await absent.stop()


def _hasty() -> dict[str, object]:
    return {**(BulkReader.__init__.__kwdefaults__ or {}), "patience_s": 0.5}


async def test_no_globals_need_no_broker() -> None:
    reader = GlobalReader({"bootstrap_servers": "127.0.0.1:1"}, [])
    await reader.start()
    assert (reader.drain(), reader.lags_s(), reader.is_current) == ([], {}, True)
    await reader.stop()
