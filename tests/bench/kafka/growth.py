"""Growth: CPU per event of the hop with more keys, and with two workers instead of one.

The state of all keys is there before, restored from a changelog; keys are hit uniformly, so with
many of them an epoch finds few twice and write-combining is lost. Two workers share one group: the
input is one open transaction until both have joined, so neither reads before the other.
(1,000 scopes and one: `tests.bench.kafka.whole`.)
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import uvloop
from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec.structs import replace

from tests.bench.kafka import cluster, hop
from tests.bench.kafka.job import Job
from tests.bench.kafka.restore import fill
from tests.bench.kafka.work import encode_json
from tests.real import ROOT
from tests.wait import wait_until

COUNT: Final = 120_000
WARM: Final = 20_000
ROUNDS: Final = 3
KEYS: Final = (1_000, 100_000, 1_000_000)
MUST: Final = {1_000_000: "≤ 1.4× of 1,000; ≤ 1.1× of 100,000"}
LIMIT_S: Final = 90.0


class Input:
    """A topic of alerts with so many keys, and the jobs on it."""

    def __init__(self, topics: cluster.Topics, distinct: int, folder: Path) -> None:
        self.topics = topics
        self.folder = folder
        self.name = topics.new("bench")
        self.source, self.target = topics.new("bench-in"), topics.new("bench-out")
        self.changelog = f"{self.name}-{hop.CHANGELOG}"
        self.distinct = distinct
        topics.make(self.source, self.target)
        topics.make(self.changelog, compact=True)

    def job(self, option: str, warm: int = WARM, limit_s: float = LIMIT_S) -> Job:
        """What a worker is told."""
        return Job(
            bootstrap=self.topics.bootstrap,
            name=self.name,
            source=self.source,
            target=self.target,
            changelog=self.changelog,
            folder=str(self.folder),
            count=COUNT,
            warm=warm,
            partitions=self.topics.partitions,
            epoch=2_000,
            limit_s=limit_s,
            option=option,
        )

    def delete(self) -> None:
        """Delete its topics."""
        self.topics.delete(self.source, self.target, self.changelog)


def with_keys(topics: cluster.Topics, distinct: int) -> float:
    """CPU µs per event with so many keys in the state."""
    with tempfile.TemporaryDirectory() as folder:
        given = Input(topics, distinct, Path(folder))
        uvloop.run(fill(topics.bootstrap, given.changelog, distinct))
        alerts = cluster.alerts(cluster.keys(COUNT, distinct))
        cluster.preload(topics.bootstrap, given.source, alerts)
        found = hop.work(replace(hop.PEERS[0], count=COUNT), given.job("json"))
        given.delete()
    if found.fault:
        raise RuntimeError(found.fault)
    return found.cpu_us


def with_workers(topics: cluster.Topics, workers: int) -> float:
    """CPU µs per event of all workers together, 100,000 keys."""
    with tempfile.TemporaryDirectory() as folder:
        given = Input(topics, 100_000, Path(folder))
        gate = _preload_unseen(topics.bootstrap, given)
        started = [_start(given, number) for number in range(workers)]
        try:
            # The second one's join is a rebalance, after which the first one is ready again.
            _wait_for_members(given, workers)
            gate.commit_transaction()
            wait_until(lambda: _is_read(given), what="all is read", deadline_s=LIMIT_S)
        finally:
            said = [_end(process) for process in started]
        given.delete()
    events = sum(one["events"] for one in said)
    return float(sum(one["cpu_us"] * one["events"] for one in said) / events)


def _preload_unseen(bootstrap: str, given: Input) -> Producer:
    """Put the alerts there in a transaction that is still open."""
    gate = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"{given.source}-gate",
            "partitioner": "murmur2_random",
            "transaction.timeout.ms": 300_000,
            "queue.buffering.max.messages": 2 * COUNT,
        }
    )
    gate.init_transactions()
    gate.begin_transaction()
    for alert in cluster.alerts(cluster.keys(COUNT, given.distinct)):
        gate.produce(given.source, encode_json(alert), alert.fingerprint)
    gate.flush(60)
    return gate


def _start(given: Input, number: int) -> subprocess.Popen[str]:
    job = given.job(f"json until-told slot={number}", warm=1)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", hop.OURS, job.text()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return process
    raise RuntimeError(f"worker {number} ended with {process.wait()}")


def _end(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate("", timeout=30)
    for line in output.splitlines():
        if line.startswith("measured "):
            said: dict[str, Any] = json.loads(line.removeprefix("measured "))
            return said
    return {"events": 0, "cpu_us": 0.0}


def _wait_for_members(given: Input, count: int) -> None:
    group = f"{given.name}-bench"
    wait_until(
        lambda: len(given.topics.owners(group)) == count,
        what=f"{count} members have partitions",
        deadline_s=LIMIT_S,
    )


def _is_read(given: Input) -> bool:
    group = {"bootstrap.servers": given.topics.bootstrap, "group.id": f"{given.name}-bench"}
    consumer = Consumer(group)
    try:
        places = [TopicPartition(given.source, n) for n in range(given.topics.partitions)]
        # Behind the last alert stands the marker of the transaction, which nobody commits.
        return all(
            place.offset >= consumer.get_watermark_offsets(place, timeout=10)[1] - 1
            for place in consumer.committed(places, timeout=10)
        )
    finally:
        consumer.close()


def main(arguments: Sequence[str]) -> None:
    """Print the table. Argument: how many rounds."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    print(f"{COUNT:,} events, {rounds} rounds in turn; load {os.getloadavg()[0]:.1f}\n")
    keys: dict[int, list[float]] = {distinct: [] for distinct in KEYS}
    workers: dict[int, list[float]] = {1: [], 2: []}
    with cluster.broker() as bootstrap:
        topics = cluster.Topics(bootstrap, hop.PARTITIONS)
        topics.make_missing("dead-letters", "journal")
        for _ in range(rounds):
            for distinct, some in keys.items():
                some.append(with_keys(topics, distinct))
            for count, some in workers.items():
                some.append(with_workers(topics, count))
        topics.close()
    print("| what | CPU µs/event | ratio | must |\n|---|---:|---:|---|")
    base = statistics.median(keys[KEYS[0]])
    for distinct, some in keys.items():
        cpu_us = statistics.median(some)
        must = MUST.get(distinct, "")
        print(f"| {distinct:,} keys | {cpu_us:.1f} | {cpu_us / base:.2f} | {must} |")
    one = statistics.median(workers[1])
    for count, some in workers.items():
        cpu_us = statistics.median(some)
        must = "≤ 1.1×" if count > 1 else ""
        print(f"| {count} workers, 100,000 keys | {cpu_us:.1f} | {cpu_us / one:.2f} | {must} |")
    print(
        "\nTwo workers and the broker share this machine's cores: it shows what they cost together,"
        " not how much faster two are than one."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
