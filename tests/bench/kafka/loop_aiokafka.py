"""The peer to come close to: a loop written by hand on aiokafka, a transaction per fetch.

It writes batches that it fills itself, as aiokafka's manual shows: half the CPU of a `send` per
record. State is a dict; nothing is restored, nothing is fenced, a rebalance is not looked at.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
)
from aiokafka.partitioner import murmur2

from tests.bench.kafka.job import Job, Meter
from tests.bench.kafka.work import Row, decode_alert, encode_json, encode_row, step

BATCH_BYTES = 512 * 1024


class Writer:
    """Batches per topic and partition, filled, then sent together."""

    def __init__(self, producer: AIOKafkaProducer, partitions: int) -> None:
        self._producer = producer
        self._count = partitions
        self._partitions: dict[bytes, int] = {}
        self._open: dict[tuple[str, int], Any] = {}
        self._full: list[tuple[tuple[str, int], Any]] = []
        self._sent: list[Any] = []

    def partition(self, key: bytes) -> int:
        """Where a key belongs, as every client has it."""
        found = self._partitions.get(key)
        if found is None:
            found = self._partitions[key] = (murmur2(key) & 0x7FFFFFFF) % self._count
        return found

    def add(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Append one record; a full batch is closed and another one begun."""
        place = topic, partition
        batch = self._open.get(place) or self._begin(place)
        if batch.append(key=key, value=value, timestamp=None) is None:
            self._full.append((place, self._open.pop(place)))
            self._begin(place).append(key=key, value=value, timestamp=None)

    async def flush(self) -> None:
        """Send all, and wait until it is on the broker."""
        for place, batch in (*self._full, *self._open.items()):
            batch.close()
            topic, partition = place
            self._sent.append(await self._producer.send_batch(batch, topic, partition=partition))
        self._full.clear()
        self._open.clear()
        await asyncio.gather(*self._sent)
        self._sent.clear()

    def _begin(self, place: tuple[str, int]) -> Any:
        batch = self._open[place] = self._producer.create_batch()
        return batch


async def run(job: Job) -> None:
    """Do the job."""
    consumer = AIOKafkaConsumer(
        job.source,
        bootstrap_servers=job.bootstrap,
        group_id=job.name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=job.bootstrap,
        transactional_id=job.name,
        max_batch_size=BATCH_BYTES,
        linger_ms=2,
    )
    await consumer.start()
    await producer.start()
    meter, state, writer = Meter(job), dict[str, Row](), Writer(producer, job.partitions)
    is_done = False
    while not is_done:
        fetched = await consumer.getmany(timeout_ms=1_000, max_records=job.epoch)
        if not fetched:
            continue
        async with producer.transaction():
            offsets = {}
            for place, records in fetched.items():
                dirty: dict[str, Row] = {}
                for record in records:
                    alert = decode_alert(record.value)
                    key = alert.fingerprint
                    row, out = step(state.get(key), alert)
                    state[key] = dirty[key] = row
                    raw = key.encode()
                    writer.add(job.target, writer.partition(raw), raw, encode_json(out))
                for key, row in dirty.items():
                    value = encode_row(row)
                    writer.add(job.changelog, place.partition, key.encode(), value)
                offsets[place] = records[-1].offset + 1
            await writer.flush()
            await producer.send_offsets_to_transaction(offsets, job.name)
        is_done = meter.saw(sum(map(len, fetched.values())))
    meter.say()
    await consumer.stop()
    await producer.stop()


if __name__ == "__main__":
    uvloop.run(run(Job.given()))
