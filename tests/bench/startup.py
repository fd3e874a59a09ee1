"""From the command to `ready`, and to the end of `tocsin --help`: the median of fresh processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench.throughput import TOPOLOGY
from tests.crash.processes import ROUTING_KEY, Process

ROUNDS: Final = 5
READY_MS_MAX: Final = 2_000
HELP_MS_MAX: Final = 150


def to_help() -> float:
    """Seconds of one `tocsin --help`."""
    begun_s = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begun_s


def to_ready() -> float:
    """Seconds of one `tocsin run` on an empty folder until it says that it is ready."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "topology.yaml"
        config.write_text(TOPOLOGY, encoding="utf-8")
        data = str(Path(folder) / "data")
        arguments = ("--listen", "127.0.0.1:0", "--data", data, "--config", str(config))
        begun_s = time.perf_counter()
        process = Process("run", *arguments, environment={"PAGERDUTY_ROUTING_KEY": ROUTING_KEY})
        took_s = time.perf_counter() - begun_s
        process.end()
    return took_s


def median_ms(run: Callable[[], float]) -> float:
    """The median of ROUNDS runs; the first one, which may compile, is not counted."""
    run()
    return sorted(run() for _ in range(ROUNDS))[ROUNDS // 2] * 1e3


def main() -> None:
    """Print the table."""
    print("| start | ms | must |\n|---|---:|---:|")
    print(f"| `tocsin run` to ready | {median_ms(to_ready):.0f} | ≤ {READY_MS_MAX} |")
    print(f"| `tocsin --help` | {median_ms(to_help):.0f} | ≤ {HELP_MS_MAX} |")


if __name__ == "__main__":
    main()
