"""What a new owner reads: offsets that no open transaction can change any more."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.hosts.faust.client.errors import Late
from pipeline.hosts.faust.client.offsets import committed_offsets, fence, stable_offsets
from pipeline.hosts.faust.client.transactions import Member
from tests.hosts.faust.client.conftest import NewProducer
from tests.kafka import Broker
from tests.wait import wait_until_async


async def test_stable_offsets_wait_for_what_is_undecided(
    topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    writer, reader = await new_producer(), await new_producer()
    client = reader._link.client
    places = [(topic, 0), (topic, 1)]
    await writer.commit({}, {(topic, 0): 3}, anybody)
    await writer._write({}, {(topic, 0): 5}, anybody)
    with pytest.raises(Late, match=f"{topic}-0 were still undecided after 0.2 s"):
        await stable_offsets(client, anybody.group, places, within_s=0.2)
    before = await committed_offsets(client, anybody.group, places)
    assert before == {(topic, 0): (3, writer.transactional_id)}
    waiting = asyncio.create_task(stable_offsets(client, anybody.group, places))
    await writer._end(is_committed=True)
    assert await waiting == {(topic, 0): (5, writer.transactional_id)}


async def test_what_an_abort_takes_back_is_never_seen(
    topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    writer, reader = await new_producer(), await new_producer()
    await writer.commit({}, {(topic, 0): 3}, anybody)
    await writer._write({}, {(topic, 0): 5}, anybody)
    waiting = asyncio.create_task(stable_offsets(reader._link.client, anybody.group, [(topic, 0)]))
    await writer.abort()
    assert (await waiting)[topic, 0][0] == 3


async def test_fencing_the_writer_of_an_offset_decides_it(
    broker: Broker, topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    dead = await new_producer(transaction_timeout_ms=600_000)
    reader = await new_producer()
    await dead.commit({}, {(topic, 0): 3}, anybody)
    await dead._write({}, {(topic, 0): 5}, anybody)
    client = reader._link.client
    committed = await committed_offsets(client, anybody.group, [(topic, 0)])
    await fence({"bootstrap_servers": broker.bootstrap}, committed[topic, 0][1])
    assert (await stable_offsets(client, anybody.group, [(topic, 0)]))[topic, 0][0] == 3


async def test_fencing_an_id_that_nobody_ever_had_does_no_harm(
    broker: Broker, new_producer: NewProducer, topic: str, anybody: Member
) -> None:
    unused = broker.new_name("unused")
    await fence({"bootstrap_servers": broker.bootstrap}, unused)
    producer = await new_producer(unused)
    await producer.commit({}, {(topic, 0): 1}, anybody)
    found = await stable_offsets(producer._link.client, anybody.group, [(topic, 0)])
    assert found == {(topic, 0): (1, unused)}


async def test_a_new_group_has_no_offsets(topic: str, new_producer: NewProducer) -> None:
    reader = await new_producer()
    assert await stable_offsets(reader._link.client, f"{topic}-new", [(topic, 0)]) == {}
    assert await stable_offsets(reader._link.client, f"{topic}-new", []) == {}


async def test_a_dead_writer_that_nobody_fences_is_aborted_by_its_timeout(
    topic: str, new_producer: NewProducer, anybody: Member
) -> None:
    dead = await new_producer(transaction_timeout_ms=1_000)
    reader = await new_producer()
    await dead._write({}, {(topic, 0): 5}, anybody)
    found: list[dict[tuple[str, int], tuple[int, str]]] = []

    async def read() -> None:
        found.append(await stable_offsets(reader._link.client, anybody.group, [(topic, 0)]))

    task = asyncio.create_task(read())
    await wait_until_async(lambda: found, what="a decision", deadline_s=40)
    await task
    assert found == [{}]
