"""BulkReader over three brokers: a leader that dies takes nothing along, and hides no end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import BulkReader
from pipeline.simulate.kafka import Quorum
from tests.kafka import require_kafka

TOPIC = "moved"
PARTITIONS = 3


async def write(bootstrap: str, values: range) -> None:
    """One transaction over all partitions."""
    writer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="writer")
    await writer.start()
    async with writer.transaction():
        for value in values:
            key = f"{value}".encode()
            await writer.send(TOPIC, key, key, partition=value % PARTITIONS)
    await writer.stop()


async def read(reader: BulkReader) -> list[int]:
    places: list[Place] = [(TOPIC, partition) for partition in range(PARTITIONS)]
    found: list[int] = []
    for place, bounds in (await reader.bounds(places)).items():
        async for stretch in reader.read(place, bounds.first, bounds.next):
            found += [int(row[1] or b"") for row in stretch.rows]
    return sorted(found)


async def test_a_leader_that_dies_is_followed_to_the_next(tmp_path: Path) -> None:
    require_kafka()
    async with Quorum(tmp_path) as quorum:
        admin = AIOKafkaAdminClient(bootstrap_servers=quorum.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 3)])
        await admin.close()
        await write(quorum.bootstrap, range(300))
        reader = BulkReader({"bootstrap_servers": quorum.bootstrap})
        await reader.start()
        assert await read(reader) == list(range(300))
        leader = reader._link.leader(TOPIC, 0)
        assert leader is not None
        await asyncio.to_thread(quorum.nodes[leader].kill)
        assert await read(reader) == list(range(300))
        assert reader._link.leader(TOPIC, 0) != leader
        await write(quorum.bootstrap, range(300, 600))
        following = asyncio.create_task(read(reader))
        await asyncio.to_thread(quorum.nodes[leader].resume)
        assert await following == list(range(600))
        assert await read(reader) == list(range(600))
        await reader.stop()
