"""Cold restore: a worker with an empty folder takes in a changelog of a million keys.

The changelog is as a worker writes it: transactions of 2,000 rows with a checkpoint each. The clock
runs over what a takeover does, from the question where the log ends to stores that answer. Beside
it librdkafka reads the same into a dict, which is the least that anybody must do.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, Literal

import uvloop
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from pipeline.domain.store import Checkpoint
from pipeline.hosts.faust.client.transactions import EpochProducer, Member, Outgoing, Place
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.changelog import (
    CHECKPOINT_KEY,
    changelog_key,
    encode_checkpoint,
)
from pipeline.hosts.faust.stream.shelf import Shelf
from tests.bench.kafka import cluster
from tests.bench.kafka.work import Row, encode_row

KEYS: Final = 1_000_000
PARTITIONS: Final = 4
PER_EPOCH: Final = 2_000
ROUNDS: Final = 3
MUST_PER_S: Final = 500_000
AGENT: Final = "bench"
Kind = Literal["rocksdb", "memory"]


class Took(Struct):
    """One restore: seconds, and CPU of all threads."""

    seconds: float
    cpu_s: float


async def fill(bootstrap: str, changelog: str, keys: int) -> None:
    """Write the changelog of so many keys, as if what they came from was no longer known."""
    producer = EpochProducer(
        {"bootstrap_servers": bootstrap}, f"{changelog}-fill", transaction_timeout_ms=10_000
    )
    await producer.start()
    # Without a generation the broker takes offsets of a group that has no members.
    member = Member(f"{changelog}-fill", -1, "", "")
    now_ms = int(time.time() * 1e3)
    for start in range(0, keys, PER_EPOCH):
        records: dict[Place, list[Outgoing]] = {
            (changelog, number): [] for number in range(PARTITIONS)
        }
        for number in range(start, min(keys, start + PER_EPOCH)):
            row = Row(3, now_ms, now_ms, "critical", "firing", f"bench-{number:010d}")
            key = changelog_key("rows", f"{number:016x}")
            partition = producer.partition(f"{number:016x}".encode(), PARTITIONS)
            records[changelog, partition].append((key, b"\1" + encode_row(row), [], now_ms))
        for partition in range(PARTITIONS):
            checkpoint = Checkpoint(epoch=start // PER_EPOCH + 1, now_ms=now_ms)
            raw = encode_checkpoint(checkpoint)
            records[changelog, partition].append((CHECKPOINT_KEY, raw, [], now_ms))
        await producer.commit(records, {(changelog, 0): start}, member)
    await producer.stop()


async def ours(bootstrap: str, app: str, store: Kind, keys: int) -> Took:
    """What a takeover does before its task runs, into an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(
            app=app,
            options={"bootstrap_servers": bootstrap},
            folder=Path(folder),
            slot_id="bench",
            store=store,
        )
        shelf = Shelf(setting, AGENT, lambda: int(time.time() * 1e3), None)
        begun, cpu_s = time.perf_counter(), time.process_time()
        stores = await shelf.restore(range(PARTITIONS), ())
        took = Took(time.perf_counter() - begun, time.process_time() - cpu_s)
        last = f"{keys - 1:016x}"
        assert any(found.get("rows", last) for found in stores.values()), "not all is there"
        await shelf.close()
    return took


def librdkafka(bootstrap: str, changelog: str, keys: int) -> Took:
    """All records into a dict, with another client."""
    begun, cpu_s = time.perf_counter(), time.process_time()
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{changelog}-read",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(changelog, number, 0) for number in range(PARTITIONS)])
    rows: dict[bytes, bytes | None] = {}
    ended = 0
    while ended < PARTITIONS:
        for record in consumer.consume(10_000, timeout=0.5):
            if record.error() is not None:
                ended += 1
            else:
                rows[record.key() or b""] = record.value()
    consumer.close()
    assert len(rows) == keys + 1, f"{len(rows)} rows"
    return Took(time.perf_counter() - begun, time.process_time() - cpu_s)


async def measure(bootstrap: str, keys: int) -> dict[str, list[Took]]:
    """Rounds of all three, in turn, on one changelog."""
    topics = cluster.Topics(bootstrap, PARTITIONS)
    app = topics.new("bench")
    changelog = f"{app}-{AGENT}-changelog"
    topics.make(changelog, compact=True)
    await fill(bootstrap, changelog, keys)
    found: dict[str, list[Took]] = {}
    kinds: tuple[Kind, ...] = ("rocksdb", "memory")
    for _ in range(ROUNDS):
        for kind in kinds:
            took = await ours(bootstrap, app, kind, keys)
            found.setdefault(f"Tocsin, {kind}", []).append(took)
        found.setdefault("librdkafka into a dict", []).append(
            librdkafka(bootstrap, changelog, keys)
        )
    topics.close()
    return found


def main(arguments: list[str]) -> None:
    """Print the table. Argument: how many keys."""
    keys = int(arguments[0]) if arguments else KEYS
    print(
        f"{keys:,} keys, {PARTITIONS} partitions, one after the other; {ROUNDS} rounds in turn;"
        f" load {os.getloadavg()[0]:.1f}\n"
    )
    with cluster.broker() as bootstrap:
        found = uvloop.run(measure(bootstrap, keys))
    print("| who | records/s | seconds | CPU µs/record | must |\n|---|---:|---:|---:|---|")
    for name, rounds in found.items():
        seconds = statistics.median(took.seconds for took in rounds)
        cpu_us = statistics.median(took.cpu_s for took in rounds) / keys * 1e6
        must = f"≥ {MUST_PER_S:,}/s" if name.startswith("Tocsin") else "peer"
        print(f"| {name} | {keys / seconds:,.0f} | {seconds:.1f} | {cpu_us:.2f} | {must} |")


if __name__ == "__main__":
    main(sys.argv[1:])
