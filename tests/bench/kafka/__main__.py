"""`make bench-kafka`: the budgets that speak of Kafka, one after the other, as markdown."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from typing import Final

from tests.bench.__main__ import machine
from tests.bench.kafka import cluster

BENCHES: Final = {
    "hop": ("Exactly-once hop", 3_000),
    "parts": ("Where the engine's own cost of the hop lies", 200),
    "commits": ("Commit of a transaction", 300),
    "whole": ("Whole pipeline, alert to page", 900),
    "latency": ("From the alert to the call, and the share of each hop", 400),
    "notifications": ("Notifications through outbox and receipt", 300),
    "restore": ("Cold restore of 1M keys", 600),
    "takeover": ("Takeover after kill -9, 1M keys", 1_800),
    "growth": ("Growth", 1_500),
}
"""Each is a module of this folder that prints its own table, and the seconds it may take."""


def main(wanted: list[str]) -> int:
    """Run the benchmarks named, or all, on one broker; 1 where one of them failed."""
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    now = dt.datetime.now(dt.UTC)
    print(f"{machine()}; {now:%Y-%m-%d %H:%M} UTC; one broker, on the same cores")
    failed = []
    with cluster.broker() as bootstrap:
        environment = {**os.environ, "TOCSIN_KAFKA_BOOTSTRAP": bootstrap}
        for name in wanted or BENCHES:
            title, limit_s = BENCHES[name]
            load = os.getloadavg()[0]
            print(f"\n## {title} (`tests.bench.kafka.{name}`; load {load:.1f})\n", flush=True)
            if not _run(name, limit_s, environment):
                failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, limit_s: float, environment: dict[str, str]) -> bool:
    """One benchmark in a process of its own, which is ended with its children when it is late."""
    command = [sys.executable, "-m", f"tests.bench.kafka.{name}"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        return process.wait(timeout=limit_s) == 0
    except subprocess.TimeoutExpired:
        print(f"not done within {limit_s:,} s: ended", file=sys.stderr)
        return False
    finally:
        _end_group(process.pid)


def _end_group(group: int) -> None:
    """What it started lives in its group."""
    try:
        os.killpg(group, 9)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
