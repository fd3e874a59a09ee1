"""How long the commit of a transaction takes, by its partitions: ours, aiokafka's, librdkafka's.

Each transaction puts one record on every partition and commits one offset. The clock runs from
its begin until the broker has answered its end; transactions follow each other without a pause,
which is when markers of the last one are in the way of the next.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition as AioPlace
from confluent_kafka import Consumer, Producer, TopicPartition

from pipeline.hosts.faust.client.transactions import EpochProducer, Member, Outgoing, Place
from tests.bench import load
from tests.bench.kafka import cluster

COMMITS: Final = 150
WARM: Final = 30
VALUE: Final = b"x" * 500
TIMEOUT_MS: Final = 10_000
PARTITIONS: Final = {16: (5, 3), 100: (12, 8)}
"""Partitions → milliseconds that it must take and should."""

Timed = list[float]


async def _time(commit: Callable[[int], Awaitable[object]]) -> Timed:
    took = []
    for number in range(COMMITS):
        begun = time.perf_counter()
        await commit(number)
        took.append((time.perf_counter() - begun) * 1e3)
    return took[WARM:]


async def ours(bootstrap: str, topic: str, count: int) -> Timed:
    """The producer of our worker."""
    options = {"bootstrap_servers": bootstrap}
    producer = EpochProducer(options, f"{topic}-ours", transaction_timeout_ms=TIMEOUT_MS)
    await producer.start()
    # Without a generation the broker takes offsets of a group that has no members.
    member = Member(f"{topic}-ours", -1, "", "")
    now_ms = int(time.time() * 1e3)
    records: dict[Place, list[Outgoing]] = {
        (topic, number): [(b"k", VALUE, [], now_ms)] for number in range(count)
    }
    try:
        return await _time(lambda n: producer.commit(records, {(topic, 0): n}, member))
    finally:
        await producer.stop()


async def aiokafka(bootstrap: str, topic: str, count: int) -> Timed:
    """aiokafka's own producer, as it comes: it waits 20 ms for the markers of the last one."""
    name = f"{topic}-aiokafka"
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
    await producer.start()

    async def commit(number: int) -> None:
        async with producer.transaction():
            sent = [await producer.send(topic, VALUE, partition=n) for n in range(count)]
            await asyncio.gather(*sent)
            await producer.send_offsets_to_transaction({AioPlace(topic, 0): number}, name)

    try:
        return await _time(commit)
    finally:
        await producer.stop()


async def librdkafka(bootstrap: str, topic: str, count: int) -> Timed:
    """confluent-kafka's producer, with nothing lingering."""
    name = f"{topic}-librdkafka"
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "linger.ms": 0})
    producer.init_transactions()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    group = consumer.consumer_group_metadata()

    async def commit(number: int) -> None:
        producer.begin_transaction()
        for partition in range(count):
            producer.produce(topic, VALUE, b"k", partition=partition)
        producer.send_offsets_to_transaction([TopicPartition(topic, 0, number)], group)
        producer.commit_transaction()

    try:
        return await _time(commit)
    finally:
        consumer.close()


async def measure(bootstrap: str) -> None:
    """Print the table."""
    topics = cluster.Topics(bootstrap, 1)
    print("| partitions | who | p50 ms | p99 ms | must (goal), p50 |\n|---:|---|---:|---:|---|")
    for count, (must, goal) in PARTITIONS.items():
        topic = topics.new("bench-commits")
        topics.make(topic, partitions=count)
        found: dict[str, Timed] = {}
        for _ in range(3):
            for name, way in (
                ("Tocsin", ours),
                ("aiokafka", aiokafka),
                ("librdkafka", librdkafka),
            ):
                found.setdefault(name, []).extend(await way(bootstrap, topic, count))
        for name, took in found.items():
            budget = f"≤ {must} ({goal})" if name == "Tocsin" else "peer"
            p50, p99 = load.quantile(took, 0.5), load.quantile(took, 0.99)
            print(f"| {count} | {name} | {p50:.1f} | {p99:.1f} | {budget} |", flush=True)
    topics.close()


def main() -> None:
    """Measure on a broker."""
    print(f"{COMMITS} transactions, three rounds in turn; load {os.getloadavg()[0]:.1f}\n")
    with cluster.broker() as bootstrap:
        uvloop.run(measure(bootstrap))


if __name__ == "__main__":
    main()
