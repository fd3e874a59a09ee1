"""Alerts per second of one embedded process, and of Debian's Alertmanager on the same input.

Both are real processes on this machine, both page into our simulator. The clock runs from the
first request until the last page has arrived; Tocsin answers after its fsync, Alertmanager keeps
nothing durable. CPU is that of the measured process alone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.bench import load
from tests.crash.processes import ROUTING_KEY, Process
from tests.wait import wait_until

COUNTS = {"duplicates": 40_000, "grouped": 20_000, "alone": 8_000}
MUST = {"duplicates": 10_000, "grouped": 3_000, "alone": 1_000}
ROUNDS = 3
TOPOLOGY = """
receivers:
  on-call: {sink: pagerduty, routing_key: "env:PAGERDUTY_ROUTING_KEY", rate: 100000/s, repeat: off,
            in_flight_max: 400, outbox_max: 1000000}
routes: {receiver: on-call}
correlate: {rules: [{name: by-service, when: 'alert.service != ""', group_by: [service], gap: 10m}]}
"""
ALERTMANAGER = """
route: {{receiver: r, group_by: [{group}], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}}
receivers:
  - name: r
    pagerduty_configs: [{{url: '{url}/v2/enqueue', routing_key: {key}, send_resolved: true}}]
"""


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Simulator:
    """Our simulator, and how many pages it took."""

    def __init__(self) -> None:
        self.process = Process("simulator", "--listen", "127.0.0.1:0")
        self.http = httpx.Client(timeout=60, trust_env=False)

    def pages(self) -> int:
        """Different keys that were triggered."""
        url = f"{self.process.url}/_sim/summary"
        return int(self.http.get(url, params={"limit": 1}).json()["keys_total"])

    def wait(self, count: int) -> None:
        """Wait until so many pages have arrived."""
        wait_until(lambda: self.pages() >= count, what=f"{count} pages", deadline_s=180)

    def end(self) -> None:
        """End it."""
        self.http.close()
        self.process.end()


def tocsin(workload: str, folder: Path) -> dict[str, Any]:
    """One round of Tocsin: alerts/s to the last page, and CPU per alert."""
    simulator = Simulator()
    config = folder / "topology.yaml"
    config.write_text(TOPOLOGY, encoding="utf-8")
    environment = {
        "TOCSIN_PAGERDUTY_EVENTS_URL": simulator.process.url,
        "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
    }
    arguments = ("--listen", "127.0.0.1:0", "--data", str(folder / "data"), "--config", str(config))
    process = Process("run", *arguments, environment=environment)
    try:
        return _round(
            workload, simulator, process.process.pid, f"{process.url}/api/v1/alerts", load.native
        )
    finally:
        process.end()
        simulator.end()


def alertmanager(workload: str, folder: Path) -> dict[str, Any] | None:
    """One round of Alertmanager; None where it is not installed."""
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        return None
    simulator = Simulator()
    group = "service" if workload != "alone" else "alertname, instance, pod"
    config = folder / "alertmanager.yml"
    text = ALERTMANAGER.format(group=group, url=simulator.process.url, key=ROUTING_KEY)
    config.write_text(text, encoding="utf-8")
    log = (folder / "alertmanager.log").open("w", encoding="utf-8")
    port = 0
    process = subprocess.Popen(
        [
            program,
            f"--config.file={config}",
            f"--storage.path={folder / 'am'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stdout=log,
        stderr=log,
    )
    try:
        url = wait_until(lambda: _address(folder), what="Alertmanager is ready", deadline_s=20)
        return _round(workload, simulator, process.pid, f"{url}/api/v2/alerts", load.prometheus)
    finally:
        process.kill()
        process.wait()
        log.close()
        simulator.end()


def _address(folder: Path) -> str:
    text = (folder / "alertmanager.log").read_text(encoding="utf-8")
    for part in text.split():
        if part.startswith("address=127.0.0.1:") and not part.endswith(":0"):
            return "http://" + part.removeprefix("address=")
    return ""


def _round(workload: str, simulator: Simulator, pid: int, url: str, make: Any) -> dict[str, Any]:
    count = COUNTS[workload]
    batches = load.bodies(workload, count, make)
    cpu_before = cpu_s(pid)
    begun = time.perf_counter()
    sent = asyncio.run(load.send(url, batches))
    simulator.wait(load.pages(workload, count))
    took = time.perf_counter() - begun
    return {
        "accepted_per_s": sent.count / sent.seconds,
        "paged_per_s": count / took,
        "cpu_us": (cpu_s(pid) - cpu_before) * 1e6 / count,
        "p50_ms": load.quantile(sent.latencies, 0.5) * 1e3,
        "p99_ms": load.quantile(sent.latencies, 0.99) * 1e3,
    }


def main() -> None:
    """Print a table; the median of ROUNDS, ours and theirs in turn."""
    print(f"batches of {load.BATCH}, 8 connections, rate unlimited; load {os.getloadavg()[0]:.1f}")
    print("| workload | system | accepted/s | paged/s | CPU µs/alert | batch p50/p99 ms | must |")
    print("|---|---|---|---|---|---|---|")
    for workload in load.WORKLOADS:
        rounds: dict[str, list[dict[str, Any]]] = {"Tocsin": [], "Alertmanager": []}
        for _ in range(ROUNDS):
            for name, run in (("Tocsin", tocsin), ("Alertmanager", alertmanager)):
                with tempfile.TemporaryDirectory() as folder:
                    found = run(workload, Path(folder))
                if found is not None:
                    rounds[name].append(found)
        for name, results in rounds.items():
            if results:
                print(_row(workload, name, results), flush=True)


def _row(workload: str, name: str, results: list[dict[str, Any]]) -> str:
    def median(key: str) -> float:
        return load.quantile([result[key] for result in results], 0.5)

    must = f"≥ {MUST[workload]:,}" if name == "Tocsin" else "peer"
    return (
        f"| {workload} | {name} | {median('accepted_per_s'):,.0f} | {median('paged_per_s'):,.0f} |"
        f" {median('cpu_us'):.0f} | {median('p50_ms'):.0f} / {median('p99_ms'):.0f} | {must} |"
    )


if __name__ == "__main__":
    main()
