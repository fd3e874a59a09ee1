"""Reading a compacted topic to its end: the latest committed value of each key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from pipeline.topology.apply.connection import Connection, Options
from pipeline.topology.apply.errors import NoAnswer, said

POLL_MS: Final = 500
SILENT_POLLS_MAX: Final = 60
"""So many polls in a row may bring nothing while records are still expected: 30 s."""


async def read_latest(
    connection: Connection, options: Options, topic: str
) -> dict[bytes | None, bytes]:
    """Key → latest value of a topic, deleted keys left out; empty where there is no such topic.

    Raises ClusterError.
    """
    found: dict[bytes | None, bytes] = {}
    async for record in records_of(connection, options, topic):
        found.pop(record.key, None)  # so that the order is that of the latest values
        if record.value is not None:
            found[record.key] = record.value
    return found


async def records_of(connection: Connection, options: Options, topic: str) -> AsyncIterator[Any]:
    """Every committed record that a topic holds when asked, in the order of each partition.

    Nothing where there is no such topic. Raises ClusterError.
    """
    doing = f"reading {topic}"
    described = (await connection.metadata([topic], doing)).topics[0]
    partitions = [TopicPartition(topic, each[1]) for each in described[-1]]
    if not partitions:
        return
    consumer = AIOKafkaConsumer(
        **{
            **options,
            "client_id": "tocsin-topology",
            "group_id": None,
            "enable_auto_commit": False,
            "isolation_level": "read_committed",
        }
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        silent = 0
        while left := [each for each in partitions if await consumer.position(each) < ends[each]]:
            batches = await consumer.getmany(*left, timeout_ms=POLL_MS)
            silent = 0 if batches else silent + 1
            if silent > SILENT_POLLS_MAX:
                raise NoAnswer(f"{topic} does not come to its end: is a broker away?")
            for records in batches.values():
                for record in records:
                    yield record
    except (errors.KafkaError, OSError, TimeoutError) as error:
        raise said(error, doing) from error
    finally:
        await consumer.stop()
