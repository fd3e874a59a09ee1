"""The whole pipeline on Kafka: alerts on raw-alerts become pages, all agents in one worker process.

90 % of the alerts repeat what is known, ten rules are asked. The backlog lies there before the
worker starts; the clock runs until everything is decided and every page has arrived. What counts
is the worker's CPU: broker and simulator, on the same two cores, have their own.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Final

from msgspec import Struct

from tests.bench import load
from tests.bench.kafka.world import World, accepted

COUNT: Final = 40_000
ROUNDS: Final = 3
MUST_PER_S: Final = 5_000
GOAL_PER_S: Final = 10_000
LIMIT_S: Final = 120.0
SCOPES: Final = (1_000, 1)


class Round(Struct):
    """One round: alerts per second of the worker's CPU, and of the clock."""

    per_core_s: float
    per_s: float


def measure(workload: str, count: int, scopes: int) -> Round:
    """One round in a cluster of its own."""
    records = accepted(workload, count, scopes)
    with World.running() as world:
        world.put(records)
        worker = world.worker()
        begun = time.perf_counter()
        world.simulator.wait(load.pages(workload, count))
        world.drain(LIMIT_S)
        took = time.perf_counter() - begun
        used_s = worker.cpu_s() - worker.cpu_at_ready_s
    return Round(count / used_s, count / took)


def main(arguments: list[str]) -> None:
    """Print the table. Arguments: how many alerts, how many rounds."""
    count = int(arguments[0]) if arguments else COUNT
    rounds = int(arguments[1]) if len(arguments) > 1 else ROUNDS
    print(
        f"{count:,} alerts, 90 % duplicates, 10 rules, 12 partitions, one worker with all agents;"
        f" load {os.getloadavg()[0]:.1f}\n"
    )
    print(
        "| scopes | alerts/s per worker core | alerts/s by the clock | CPU µs/alert | must (goal) |"
    )
    print("|---:|---:|---:|---:|---|")
    found: dict[int, list[Round]] = {scopes: [] for scopes in SCOPES}
    for number in range(rounds):
        for scopes in SCOPES if number % 2 == 0 else reversed(SCOPES):
            found[scopes].append(measure("duplicates", count, scopes))
    for scopes, some in found.items():
        per_core = statistics.median(one.per_core_s for one in some)
        per_s = statistics.median(one.per_s for one in some)
        print(
            f"| {scopes:,} | {per_core:,.0f} | {per_s:,.0f} | {1e6 / per_core:.0f} |"
            f" ≥ {MUST_PER_S:,} ({GOAL_PER_S:,}) |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
