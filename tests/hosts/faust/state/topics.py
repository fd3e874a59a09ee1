"""Topics and writers on a real broker, for the tests of what reads changelogs and globals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.domain.store import Changes, Checkpoint
from pipeline.hosts.faust.client.bulk import BulkReader
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, changelog_key, encode_checkpoint
from tests.kafka import Broker

NOW_MS = 1_750_000_000_000


async def new_topic(broker: Broker, prefix: str, partitions: int = 1) -> str:
    """A compacted topic of its own."""
    name = broker.new_name(prefix)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    compact = {"cleanup.policy": "compact"}
    await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=compact)])
    await admin.close()
    return name


@asynccontextmanager
async def reading(
    broker: Broker, patience_s: float = 20, bytes_max: int = 1_000_000
) -> AsyncIterator[BulkReader]:
    """A BulkReader for the length of a block."""
    options = {"bootstrap_servers": broker.bootstrap}
    reader = BulkReader(options, patience_s=patience_s, partition_bytes_max=bytes_max)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def writing(broker: Broker, transactional_id: str = "") -> AsyncIterator[Writer]:
    """A Writer of transactions for the length of a block."""
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap,
        transactional_id=transactional_id or broker.new_name("owner"),
        transaction_timeout_ms=60_000,
    )
    await producer.start()
    try:
        yield Writer(producer)
    finally:
        await producer.stop()


class Writer:
    """Writes epochs into a changelog, as an owner does, or leaves them unfinished."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer

    async def send(
        self, topic: str, changes: Changes, epoch: int | None = None, partition: int = 0
    ) -> None:
        """Inside a transaction: changes, and the checkpoint where an epoch is given."""
        records: Iterable[tuple[bytes, bytes | None]] = [
            (changelog_key(*at), value) for at, value in changes.items()
        ]
        if epoch is not None:
            last = Checkpoint(epoch=epoch, now_ms=NOW_MS + epoch, offsets={"alerts:0": epoch * 10})
            records = [*records, (CHECKPOINT_KEY, encode_checkpoint(last))]
        for key, value in records:
            await self.producer.send(topic, value, key, partition=partition)
        await self.producer.flush()

    async def commit(
        self, topic: str, changes: Changes, epoch: int | None = None, partition: int = 0
    ) -> None:
        """One committed epoch."""
        async with self.producer.transaction():
            await self.send(topic, changes, epoch, partition)

    async def abort(
        self, topic: str, changes: Changes, epoch: int | None = None, partition: int = 0
    ) -> None:
        """One epoch that was taken back."""
        await self.producer.begin_transaction()
        await self.send(topic, changes, epoch, partition)
        await self.producer.abort_transaction()
