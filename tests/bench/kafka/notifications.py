"""Notifications per second of one core on Kafka: outbox, call, receipt, transactions included.

As tests/bench/notifications.py: the agent `deliver` alone, 100 calls in flight, a server in
another process; the notifications lie on the topic already. Beside it the bare client sends the
same bodies to the same server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.bench import notifications as embedded
from tests.bench.kafka.latency import read_all
from tests.bench.kafka.world import TOPOLOGY, World
from tests.wait import wait_until

COUNT: Final = 6_000
ROUNDS: Final = 3
LIMIT_S: Final = 90.0
LOOK_EVERY_S: Final = 0.5


@contextmanager
def server() -> Iterator[str]:
    """A server that answers 202 as cheaply as Python can; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.notifications", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate(b"")


def through_kafka(url: str) -> tuple[float, float]:
    """(seconds, CPU seconds of the worker) from its start to the last receipt."""
    topology = TOPOLOGY.replace("in_flight_max: 400", f"in_flight_max: {embedded.IN_FLIGHT}")
    with World.running(topology) as world:
        world.environment["TOCSIN_PAGERDUTY_EVENTS_URL"] = url
        world.put([embedded.notification(number) for number in range(COUNT)])
        worker = world.worker("--agents", "deliver")
        begun, looked_at = time.perf_counter(), 0.0

        def are_done() -> bool:
            nonlocal looked_at
            if time.perf_counter() < looked_at + LOOK_EVERY_S:
                return False
            looked_at = time.perf_counter()
            return len(read_all(world.bootstrap, "receipts")) >= COUNT

        wait_until(are_done, what=f"{COUNT} receipts", deadline_s=LIMIT_S)
        return time.perf_counter() - begun, worker.cpu_s() - worker.cpu_at_ready_s


def main() -> None:
    """Print the table."""
    print(
        f"{COUNT:,} notifications, {embedded.IN_FLIGHT} calls in flight, best of {ROUNDS} rounds in"
        f" turn; load {os.getloadavg()[0]:.1f}\n"
    )
    rows: dict[str, list[tuple[float, float]]] = {"outbox and receipt": [], "the bare client": []}
    with server() as url:
        for _ in range(ROUNDS):
            rows["the bare client"].append(embedded.run(embedded.bare(url)))
            rows["outbox and receipt"].append(through_kafka(url))
    print("| what | per s | per s of CPU | CPU µs each | must (goal), per core |")
    print("|---|---:|---:|---:|---|")
    for name, rounds in rows.items():
        count = COUNT if name.startswith("outbox") else embedded.COUNT
        took_s, cpu_s = (min(column) for column in zip(*rounds, strict=True))
        must = f"≥ {embedded.MUST_PER_S:,} ({embedded.GOAL_PER_S:,})"
        print(
            f"| {name} | {count / took_s:,.0f} | {count / cpu_s:,.0f} | {cpu_s / count * 1e6:.0f} |"
            f" {must if name.startswith('outbox') else 'peer'} |"
        )


if __name__ == "__main__":
    main()
