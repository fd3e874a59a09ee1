"""A cluster of its own for these tests: they make and destroy topics whose names are fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.topology.apply.act import settled
from pipeline.topology.apply.connection import connected


async def topics_of(bootstrap: str) -> dict[str, int]:
    """Topic → partitions, of all that are there."""
    async with connected({"bootstrap_servers": bootstrap}) as connection:
        found = await connection.metadata(None, "looking")
    return {
        name: len(partitions)
        for _code, name, is_internal, partitions in found.topics
        if not is_internal
    }


async def emptied(bootstrap: str) -> None:
    """Return when no topic is left but Kafka's own."""
    gone = list(await topics_of(bootstrap))
    if not gone:
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(gone)
    finally:
        await admin.close()
    async with connected({"bootstrap_servers": bootstrap}) as connection:
        await settled(connection, {}, gone)


async def write(bootstrap: str, topic: str, records: Mapping[str, bytes | None]) -> None:
    """Write records in one committed transaction, as an epoch does, and another that is aborted."""
    producer: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="test")
    await producer.start()
    try:
        async with producer.transaction():
            for key, value in records.items():
                await producer.send_and_wait(topic, value, key=key.encode())
        await producer.begin_transaction()
        for key in records:
            await producer.send_and_wait(topic, b"aborted", key=key.encode())
        await producer.abort_transaction()
    finally:
        await producer.stop()
