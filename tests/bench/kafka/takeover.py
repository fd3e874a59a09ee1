"""Takeover: from kill -9 of a worker to the first committed output of a partition it had.

Two workers of one agent over a million keys on disk, alerts coming in steadily. Once the killed
one is started again at once, in its slot; once nobody starts it, and the other one takes over when
the session has run out. Of its partitions the one that waited longest counts.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvloop
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.bench import load
from tests.bench.kafka import cluster, hop
from tests.bench.kafka.growth import Input
from tests.bench.kafka.restore import fill
from tests.bench.kafka.work import encode_json
from tests.real import ROOT
from tests.wait import wait_until

KEYS: Final = 1_000_000
KILLS_SAME: Final = 30
KILLS_OTHER: Final = 10
RATE_PER_S: Final = 400
TICK_S: Final = 0.02
SESSION_S: Final = 10.0
"""What Setting has where it is not told otherwise."""

MUST_S: Final = {"the same slot, started at once": 3.0, "another worker": SESSION_S + 3.0}
LIMIT_S: Final = 1_700.0
WITHIN_S: Final = 60.0
SETTLE_S: Final = 1.0


class Reader:
    """A read_committed reader of the output: when the first record at an offset or later came."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{topic}-watch",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(topic, n, 0) for n in range(partitions)])
        # Another client: asked beside a thread that reads, one never answers.
        self._asked = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{topic}-ends"})
        self._lock = threading.Lock()
        self._wanted: dict[int, int] = {}
        self._came_at_s: dict[int, float] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            for record in self._consumer.consume(500, timeout=0.05):
                if record.error() is not None:
                    continue
                partition, offset = record.partition() or 0, record.offset() or 0
                with self._lock:
                    if offset >= self._wanted.get(partition, 1 << 62):
                        self._came_at_s.setdefault(partition, time.monotonic())

    def want(self, partitions: set[int]) -> None:
        """Look for what comes after all that is on these partitions now, committed or not."""
        ends = {}
        for partition in partitions:
            place = TopicPartition(self._topic, partition)
            ends[partition] = self._asked.get_watermark_offsets(place, timeout=10)[1]
        with self._lock:
            self._wanted, self._came_at_s = ends, {}

    def came_at_s(self) -> dict[int, float]:
        """When the first of each partition came, of those that have."""
        with self._lock:
            return dict(self._came_at_s)


@contextmanager
def steady(bootstrap: str, topic: str, keys: int) -> Iterator[None]:
    """Alerts at RATE_PER_S with uniform keys, while inside."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    over = threading.Event()

    def put() -> None:
        rng = random.Random(cluster.SEED)
        numbers = (rng.randrange(keys) for _ in iter(int, 1))
        given = iter(cluster.alerts(numbers))
        while not over.wait(TICK_S):
            for _ in range(int(RATE_PER_S * TICK_S)):
                alert = next(given)
                producer.produce(topic, encode_json(alert), alert.fingerprint)
            producer.poll(0)

    thread = threading.Thread(target=put, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        producer.flush(10)


class Workers:
    """Two workers of one group, by the name of their slots."""

    def __init__(self, given: Input) -> None:
        self._given = given
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, slot: str) -> None:
        """Start one; it is not waited for."""
        job = self._given.job(f"json until-told slot={slot}", limit_s=LIMIT_S)
        log = (self._given.folder / f"{slot}.log").open("ab")
        self._processes[slot] = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", hop.OURS, job.text()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )

    def kill(self, slot: str) -> None:
        """kill -9."""
        self._processes[slot].kill()
        self._processes[slot].wait()

    def owned(self, slot: str) -> set[int]:
        """The partitions that a slot has."""
        owners = self._given.topics.owners(f"{self._given.name}-bench")
        return next((have for name, have in owners.items() if name.endswith(f"-{slot}")), set())

    def wait_for_both(self) -> None:
        """Wait until each has a half."""
        half = self._given.topics.partitions // 2
        wait_until(
            lambda: len(self.owned("a")) == half and len(self.owned("b")) == half,
            what="each worker has half of the partitions",
            deadline_s=WITHIN_S,
        )

    def end(self) -> None:
        """End both."""
        for slot in self._processes:
            self.kill(slot)


def one_kill(workers: Workers, reader: Reader, *, is_restarted: bool) -> float:
    """Seconds from the kill to the first output of the last of its partitions."""
    workers.wait_for_both()
    victim = random.choice("ab")
    inherited = workers.owned(victim)
    reader.want(inherited)  # both work
    wait_until(lambda: set(reader.came_at_s()) == inherited, what="it works", deadline_s=WITHIN_S)
    time.sleep(random.random() * SETTLE_S)
    killed_at_s = time.monotonic()
    workers.kill(victim)
    if is_restarted:
        workers.start(victim)
    reader.want(inherited)
    wait_until(
        lambda: set(reader.came_at_s()) == inherited,
        what="every inherited partition goes on",
        deadline_s=WITHIN_S,
    )
    took_s = max(reader.came_at_s().values()) - killed_at_s
    if not is_restarted:
        workers.start(victim)
    return took_s


def measure(bootstrap: str, keys: int, kills: tuple[int, int]) -> dict[str, list[float]]:
    """The seconds of all kills, by what followed them."""
    topics = cluster.Topics(bootstrap, hop.PARTITIONS)
    topics.make_missing("dead-letters", "journal")
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        given = Input(topics, keys, Path(folder))
        uvloop.run(fill(bootstrap, given.changelog, keys))
        workers = Workers(given)
        try:
            workers.start("a")
            workers.start("b")
            reader = Reader(bootstrap, given.target, topics.partitions)
            with steady(bootstrap, given.source, keys):
                for (name, _), count in zip(MUST_S.items(), kills, strict=True):
                    some = found[name] = []
                    is_restarted = name.startswith("the same")
                    for _ in range(count):
                        some.append(one_kill(workers, reader, is_restarted=is_restarted))
                        print(f"<!-- {name}: {some[-1]:.2f} s -->", file=sys.stderr, flush=True)
        finally:
            workers.end()
        topics.close()
    return found


def main(arguments: list[Any]) -> None:
    """Print the table. Arguments: how many keys, kills of each kind."""
    keys = int(arguments[0]) if arguments else KEYS
    same = int(arguments[1]) if len(arguments) > 1 else KILLS_SAME
    other = int(arguments[2]) if len(arguments) > 2 else KILLS_OTHER
    print(
        f"{keys:,} keys, {hop.PARTITIONS} partitions, two workers, session {SESSION_S:.0f} s,"
        f" {RATE_PER_S} alerts/s; load {os.getloadavg()[0]:.1f}\n"
    )
    with cluster.broker() as bootstrap:
        found = measure(bootstrap, keys, (same, other))
    print("| who goes on | kills | p50 s | worst s | must, worst |\n|---|---:|---:|---:|---|")
    for name, some in found.items():
        print(
            f"| {name} | {len(some)} | {load.quantile(some, 0.5):.1f} | {max(some):.1f} |"
            f" ≤ {MUST_S[name]:.0f} s |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
