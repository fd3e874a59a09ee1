"""Memory and disk of a million fingerprints, in a process of its own.

The embedded host on a file, driven in one thread: each alert has an identity of its own, and ten
of a service are one incident. What is measured is the growth of the process, so the caches that
have a bound are in it once. A run ends after SECONDS_MAX; then it says how far it came.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from unittest.mock import patch

from pipeline.app import compose
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.edge.accept import Delivery, records_of
from pipeline.hosts.embedded import database, driver
from pipeline.stages.ingest import IngestConfig, parse
from pipeline.topology.load import load as load_topology
from tests.bench import load
from tests.bench.throughput import TOPOLOGY

FINGERPRINTS: Final = 1_000_000
CHUNK: Final = 10_000
SECONDS_MAX: Final = 480
STEP_MS: Final = 10


def resident_mib() -> float:
    """Memory that this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def run(folder: Path) -> None:
    """Feed the host and print rows of the table."""
    path = folder / "memory.db"
    topology = load_topology(TOPOLOGY, "bench", lambda _: Secret("0" * 32))
    with patch.object(driver, "connect", lambda _: database.connect(str(path))):
        world = driver.Driver(
            compose.agents(topology, compose.wiring(topology, "abcdefgh", slot="bench")),
            types=compose.event_types(topology),
            globals_=compose.global_topics(topology),
        )
    config = topology.sections["ingest"]
    before_mib, begun_s, done = resident_mib(), time.monotonic(), 0
    while done < FINGERPRINTS and time.monotonic() < begun_s + SECONDS_MAX:
        for start in range(done, done + CHUNK, load.BATCH):
            world.now_ms += STEP_MS
            world.append(_records(range(start, start + load.BATCH), config, world.now_ms))
        world.calls.clear()
        done += CHUNK
        if done in (CHUNK, FINGERPRINTS // 10) or done == FINGERPRINTS:
            _row(done, before_mib, path)
    if done < FINGERPRINTS:
        _row(done, before_mib, path)


def _records(numbers: range, config: IngestConfig, now_ms: int) -> list[Output]:
    body = json.dumps([load.native(number, "grouped") for number in numbers]).encode()
    parsed = parse(body, "native", {}, config, now_ms)
    return records_of(parsed, body, Delivery(trace_id="ab" * 16), config, now_ms)


def _row(done: int, before_mib: float, path: Path) -> None:
    gc.collect()
    grown_mib, disk_mib = resident_mib() - before_mib, path.stat().st_size / 2**20
    print(
        f"| {done:,} | {grown_mib:.0f} | {grown_mib * 2**20 / done:.0f} | {disk_mib:.0f} |",
        flush=True,
    )


def main() -> None:
    """Print the table of a fresh process."""
    print("| fingerprints | memory grown MiB | bytes each | database MiB |\n|---:|---:|---:|---:|")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "tests.bench.memory", "run"], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        with tempfile.TemporaryDirectory() as folder:
            run(Path(folder))
    else:
        main()
