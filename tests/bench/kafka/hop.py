"""The hop: the same work by every peer, each in a process of its own, in turn, on one broker.

The input lies there already, so that all read a backlog. CPU is user and system of the process
that works, after a warm-up, per event; of each row the median of the rounds. What came out is
read by another client: every alert once, each key's counter without a gap.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tests.bench.kafka import cluster
from tests.bench.kafka.job import LATE, Job
from tests.real import ROOT

PEERS_PYTHON: Final = ROOT / ".venv" / "peers" / "bin" / "python"
"""Quix Streams lives in a virtual environment of its own: it pins another confluent-kafka."""

PARTITIONS: Final = 4
LIMIT_S: Final = 90.0


class Peer(Struct, frozen=True, kw_only=True):
    """One row: who works, with how many events and how many to a transaction."""

    name: str
    module: str
    count: int = 120_000
    warm: int = 20_000
    epoch: int = 500
    commit_s: float = 0.1
    option: str = ""
    python: Path = Path(sys.executable)
    avro: bool = False
    must: str = ""
    is_checked: bool = True

    @property
    def is_ready(self) -> bool:
        """Whether it is installed."""
        return self.python.exists()


OURS: Final = "tests.bench.kafka.hosted"
AIOKAFKA: Final = "tests.bench.kafka.loop_aiokafka"
CONFLUENT: Final = "tests.bench.kafka.loop_confluent"
QUIX: Final = "tests.bench.kafka.quix"
STOCK: Final = "tests.bench.kafka.stock"
PEERS: Final = (
    Peer(name="Tocsin", module=OURS, epoch=2_000),
    Peer(name="aiokafka loop", module=AIOKAFKA, epoch=2_000),
    Peer(name="confluent-kafka loop", module=CONFLUENT, epoch=2_000),
    Peer(name="Quix 0.1 s", module=QUIX, python=PEERS_PYTHON, count=60_000, warm=10_000),
    Peer(
        name="Quix 1 s", module=QUIX, python=PEERS_PYTHON, count=60_000, warm=10_000, commit_s=1.0
    ),
    # What Faust's own guarantee gives up on the way is no secret: its output is not held to it.
    Peer(
        name="Faust at_least_once",
        module=STOCK,
        option="at_least_once",
        count=12_000,
        warm=2_000,
        is_checked=False,
    ),
    Peer(
        name="Faust exactly_once",
        module=STOCK,
        option="exactly_once",
        count=12_000,
        warm=2_000,
        is_checked=False,
    ),
    Peer(name="Tocsin, Avro", module=OURS, epoch=2_000, avro=True),
    Peer(name="Tocsin, 50 per epoch", module=OURS, epoch=50, count=40_000, warm=5_000),
    Peer(name="aiokafka loop, 50", module=AIOKAFKA, epoch=50, count=40_000, warm=5_000),
    Peer(name="confluent-kafka loop, 50", module=CONFLUENT, epoch=50, count=40_000, warm=5_000),
)


class Measured(Struct):
    """What one process said of itself, and what stood on the topic afterwards."""

    cpu_us: float = 0.0
    per_s: float = 0.0
    per_epoch: float = 0.0
    fault: str = ""


class Course:
    """The inputs of a run, one per format and size, and the rounds on them."""

    def __init__(self, bootstrap: str, distinct: int, partitions: int = PARTITIONS) -> None:
        self.topics = cluster.Topics(bootstrap, partitions)
        self.topics.make_missing("dead-letters", "journal")
        self._distinct = distinct
        self._inputs: dict[tuple[bool, int], str] = {}

    def source(self, peer: Peer) -> str:
        """The topic with this peer's alerts; it is filled once."""
        known = self._inputs.get((peer.avro, peer.count))
        if known is None:
            known = self._inputs[peer.avro, peer.count] = self.topics.new("bench-in")
            self.topics.make(known)
            given = cluster.alerts(cluster.keys(peer.count, self._distinct))
            cluster.preload(self.topics.bootstrap, known, given, avro=peer.avro)
        return known

    def run(self, peer: Peer) -> Measured:
        """One round of one peer."""
        name, target = self.topics.new("bench"), self.topics.new("bench-out")
        source, changelog = self.source(peer), f"{name}-{CHANGELOG}"
        self.topics.make(target)
        self.topics.make(changelog, compact=True)
        with tempfile.TemporaryDirectory() as folder:
            job = Job(
                bootstrap=self.topics.bootstrap,
                name=name,
                source=source,
                target=target,
                changelog=changelog,
                folder=folder,
                count=peer.count,
                warm=peer.warm,
                partitions=self.topics.partitions,
                epoch=peer.epoch,
                commit_s=peer.commit_s,
                limit_s=LIMIT_S,
                option=peer.option or ("avro" if peer.avro else "json"),
            )
            found = work(peer, job)
        if not found.fault and peer.is_checked:
            found.fault = self._check(peer, target)
        self.topics.delete(target)
        self.topics.delete_like(name)
        return found

    def _check(self, peer: Peer, target: str) -> str:
        counted = cluster.count_output(self.topics.bootstrap, target, avro=peer.avro)
        if counted.records == peer.count and not counted.broken:
            return ""
        return (
            f"{counted.records:,} of {peer.count:,} alerts came out,"
            f" {counted.broken:,} out of sequence"
        )


CHANGELOG: Final = "bench-changelog"
"""What follows the application's name, as our worker derives it for an agent called bench."""


def work(peer: Peer, job: Job) -> Measured:
    """Have a process do the job; what it says."""
    # The peers' environment holds no msgspec: they import tests.bench.kafka.job and no more.
    done = subprocess.run(
        [str(peer.python), "-W", "ignore", "-m", peer.module, job.text()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=job.limit_s + 20,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    for line in done.stdout.splitlines():
        if line.startswith("measured "):
            said: dict[str, Any] = json.loads(line.removeprefix("measured "))
            return Measured(said["cpu_us"], said["per_s"], said["per_epoch"])
    if done.returncode == LATE:
        return Measured(fault=f"not done within {job.limit_s:.0f} s")
    return Measured(fault=f"ended with {done.returncode}: {done.stderr.strip()[-300:]}")


def table(peers: tuple[Peer, ...], rounds: int, distinct: int) -> dict[str, list[Measured]]:
    """Run all peers in turn, forwards and backwards."""
    found: dict[str, list[Measured]] = {peer.name: [] for peer in peers}
    with cluster.broker() as bootstrap:
        course = Course(bootstrap, distinct)
        for number in range(rounds):
            for peer in peers if number % 2 == 0 else reversed(peers):
                if peer.is_ready:
                    measured = course.run(peer)
                    found[peer.name].append(measured)
                    print(f"<!-- {peer.name}: {measured} -->", file=sys.stderr, flush=True)
        course.topics.close()
    return found


def main(arguments: list[str]) -> None:
    """Print the table. Arguments: rounds, distinct keys, then names of rows (all)."""
    rounds = int(arguments[0]) if arguments else 5
    distinct = int(arguments[1]) if len(arguments) > 1 else 1_000
    peers = tuple(p for p in PEERS if not arguments[2:] or p.name in arguments[2:])
    print(
        f"{rounds} rounds in turn, {distinct:,} keys, {PARTITIONS} partitions;"
        f" load {os.getloadavg()[0]:.1f}, broker and peers on {os.cpu_count()} cores\n"
    )
    found = table(peers, rounds, distinct)
    base = _median(found.get("Tocsin", []), "cpu_us")
    print("| who | CPU µs/event (least to most) | events/s | per epoch | Tocsin is |")
    print("|---|---:|---:|---:|---|")
    for peer in peers:
        print(_row(peer, found[peer.name], base), flush=True)


def _row(peer: Peer, rounds: list[Measured], base: float) -> str:
    good = [one for one in rounds if not one.fault]
    faults = "; ".join(dict.fromkeys(one.fault for one in rounds if one.fault))
    if not good:
        why = faults or f"not installed: {peer.python} is not there"
        return f"| {peer.name} | – | – | – | {why} |"
    cpu_us = _median(good, "cpu_us")
    least, most = min(o.cpu_us for o in good), max(o.cpu_us for o in good)
    per_epoch = _median(good, "per_epoch")
    ratio = f"{cpu_us / base:.2f}× cheaper" if base and peer.name != "Tocsin" else ""
    said = f"{len(rounds) - len(good)} of {len(rounds)} rounds: {faults}" if faults else ""
    return (
        f"| {peer.name} | {cpu_us:.1f} ({least:.1f}–{most:.1f}) | {_median(good, 'per_s'):,.0f} |"
        f" {f'{per_epoch:,.0f}' if per_epoch else 'by time'} |"
        f" {' '.join(filter(None, (ratio, said)))} |"
    )


def _median(rounds: list[Measured], name: str) -> float:
    values = [getattr(one, name) for one in rounds if not one.fault]
    return statistics.median(values) if values else 0.0


if __name__ == "__main__":
    if shutil.which("java") is None and "TOCSIN_KAFKA_BOOTSTRAP" not in os.environ:
        print("needs Java 17 or newer, or TOCSIN_KAFKA_BOOTSTRAP", file=sys.stderr)
        sys.exit(1)
    main(sys.argv[1:])
