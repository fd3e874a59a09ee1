"""From the request of an alert to the call at PagerDuty, on Kafka, at a steady rate.

Edge, worker, broker, simulator and sender share this machine. The clock starts when a request is
due, so a stall counts against all that waited for it. The hops are told apart by what stands on
the topics: each record carries its origin and the time of the epoch that wrote it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any, Final

import aiohttp
from confluent_kafka import Consumer, TopicPartition

from pipeline.codec import decode
from pipeline.domain.journal import JournalRecord
from tests.bench import load
from tests.bench.kafka.world import World, scoped
from tests.bench.latency import called
from tests.wait import wait_until

RATE_PER_S: Final = 1_000
SECONDS: Final = 20
NEW_OF: Final = 10
"""One alert of so many is new, and a page; the others repeat it."""

SCOPES: Final = 1_000
TICK_S: Final = 0.01
WARM_S: Final = 3.0
"""What was due before is sent and not counted: connections, caches and code are cold."""

MUST_MS: Final = {"p50": (70, 40), "p99": (200, 100)}
HOPS: Final = (
    "due → on raw-alerts (edge)",
    "→ epoch of intake begins",
    "→ epoch of decide begins",
    "→ epoch of deliver begins",
    "→ called",
)

Instants = dict[str, float]
"""Epoch milliseconds by the alert's pod, or by the position on raw-alerts it derives from."""


async def steady(url: str, seconds: int, new_of: int) -> Instants:
    """Send at RATE_PER_S; when each new alert was due."""
    due: Instants = {}
    per_tick = int(RATE_PER_S * TICK_S)

    async def post(session: aiohttp.ClientSession, body: bytes) -> None:
        headers = {"content-type": "application/json"}
        async with session.post(url, data=body, headers=headers) as answer:
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {await answer.text()}")

    async with aiohttp.ClientSession() as session:
        begun, wall = time.perf_counter(), time.time()
        calls = []
        for tick in range(int(seconds / TICK_S)):
            at = tick * TICK_S
            await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
            batch = []
            for number in range(tick * per_tick, (tick + 1) * per_tick):
                alert = scoped(number // new_of, "alone", SCOPES)
                if at >= WARM_S:
                    due.setdefault(alert["labels"]["pod"], (wall + at) * 1e3)
                batch.append(alert)
            calls.append(asyncio.create_task(post(session, json.dumps(batch).encode())))
        await asyncio.gather(*calls)
    return due


def read_all(bootstrap: str, topic: str) -> list[Any]:
    """All that is committed on a topic, with its headers as text."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-hops",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    places = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in places])
    records: list[Any] = []
    ended = 0
    while ended < len(places):
        for record in consumer.consume(5_000, timeout=1.0):
            if record.error() is None:
                records.append(record)
            else:
                ended += 1
    consumer.close()
    return records


def by_origin(bootstrap: str, topic: str) -> Instants:
    """When the epoch that wrote the first record of each origin began."""
    found: Instants = {}
    for record in read_all(bootstrap, topic):
        origin = dict(record.headers() or ()).get("origin", b"").decode()
        found.setdefault(origin, record.timestamp()[1])
    return found


def deliver_epochs(bootstrap: str) -> list[tuple[str, int, int, int, int]]:
    """(topic, partition, from, to, instant) of what deliver read, out of the journal."""
    journals = (decode(JournalRecord, r.value()) for r in read_all(bootstrap, "journal"))
    return [
        (s.topic, s.partition, s.start, s.end, journal.now_ms)
        for journal in journals
        if journal.task.startswith("deliver-")
        for s in journal.segments
    ]


def hops(bootstrap: str, due: Instants, calls: Instants) -> list[list[float]]:
    """Milliseconds of each hop of each page, in the order of HOPS."""
    raw: dict[str, tuple[int, str]] = {}
    for record in read_all(bootstrap, "raw-alerts"):
        pod = json.loads(record.value())["labels"]["pod"]
        origin = f"raw-alerts:{record.partition()}:{record.offset()}:0"
        raw.setdefault(pod, (record.timestamp()[1], origin))
    intake = by_origin(bootstrap, "alerts")
    epochs = deliver_epochs(bootstrap)
    decide, deliver = Instants(), Instants()
    for record in read_all(bootstrap, "notifications"):
        origin = dict(record.headers() or ()).get("origin", b"").decode()
        decide.setdefault(origin, record.timestamp()[1])
        for _, partition, start, end, began_at_ms in epochs:
            if partition == record.partition() and start <= record.offset() < end:
                deliver.setdefault(origin, began_at_ms)
                break
    found: list[list[float]] = [[] for _ in HOPS]
    for pod, at_ms in due.items():
        written_at_ms, origin = raw[pod]
        if origin not in deliver:
            continue  # a repetition overtook it on another connection
        at = (at_ms, written_at_ms, intake[origin], decide[origin], deliver[origin], calls[pod])
        for number, took in enumerate(found):
            took.append(at[number + 1] - at[number])
    return found


def measure(seconds: int, new_of: int) -> tuple[list[float], list[list[float]]]:
    """One run: milliseconds of each page, and of its hops."""
    with World.running() as world:
        world.worker()
        edge = world.start("serve", "--listen", "127.0.0.1:0")
        due = asyncio.run(steady(f"{edge.url}/api/v1/alerts", seconds, new_of))
        pages = RATE_PER_S * seconds // new_of
        wait_until(lambda: world.simulator.pages() >= pages, what="all pages", deadline_s=60)
        calls = called(world.simulator)
        return [calls[pod] - at for pod, at in due.items()], hops(world.bootstrap, due, calls)


def main(arguments: list[str]) -> None:
    """Print the table. Arguments: seconds; one of how many alerts is new."""
    seconds = int(arguments[0]) if arguments else SECONDS
    new_of = int(arguments[1]) if len(arguments) > 1 else NEW_OF
    took, shares = measure(seconds, new_of)
    print(
        f"{RATE_PER_S:,} alerts/s for {seconds} s, one of {new_of} is new and a page of its own,"
        f" {SCOPES:,} scopes; load {os.getloadavg()[0]:.1f}\n"
    )
    print("| alert due → PagerDuty called | p50 ms | p99 ms |\n|---|---:|---:|")
    for name, some in zip(HOPS, shares, strict=True):
        print(f"| {name} | {load.quantile(some, 0.5):.0f} | {load.quantile(some, 0.99):.0f} |")
    p50, p99 = load.quantile(took, 0.5), load.quantile(took, 0.99)
    (p50_must, p50_goal), (p99_must, p99_goal) = MUST_MS["p50"], MUST_MS["p99"]
    print(f"| **together** | **{p50:.0f}** | **{p99:.0f}** |")
    print(f"| must (goal) | ≤ {p50_must} ({p50_goal}) | ≤ {p99_must} ({p99_goal}) |")


if __name__ == "__main__":
    main(sys.argv[1:])
