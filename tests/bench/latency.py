"""From the request of an alert to the call at PagerDuty, at a steady rate, one embedded process.

Each alert is a page of its own. The sender keeps its own pace and starts the clock when a request
is due, so a stall counts against every request that waited for it. The simulator's record gives
the instant of each call; all run on this machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import load
from tests.bench.throughput import TOPOLOGY, Simulator
from tests.crash.processes import ROUTING_KEY, Process

RATE_PER_S = 500
SECONDS = 20
TICK_S = 0.01
MUST_MS = {"p50": 25, "p99": 100}


async def steady(url: str) -> dict[str, float]:
    """Send at RATE_PER_S; when each alert was due, by its instance, in epoch milliseconds."""
    due: dict[str, float] = {}
    per_tick = int(RATE_PER_S * TICK_S)

    async def post(session: aiohttp.ClientSession, numbers: range) -> None:
        batch = [load.native(number, "alone") for number in numbers]
        headers = {"content-type": "application/json"}
        async with session.post(url, data=json.dumps(batch), headers=headers) as answer:
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {await answer.text()}")

    async with aiohttp.ClientSession() as session:
        begun, wall = time.perf_counter(), time.time()
        calls = []
        for tick in range(int(SECONDS / TICK_S)):
            at = tick * TICK_S
            await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
            numbers = range(tick * per_tick, (tick + 1) * per_tick)
            for number in numbers:
                due[load.native(number, "alone")["labels"]["pod"]] = (wall + at) * 1e3
            calls.append(asyncio.create_task(post(session, numbers)))
        await asyncio.gather(*calls)
    return due


def called(simulator: Simulator) -> dict[str, float]:
    """When each alert's trigger arrived, by its pod, in epoch milliseconds."""
    found: dict[str, float] = {}
    since = 0
    while True:
        params = {"since": since, "limit": 10_000}
        page = simulator.http.get(f"{simulator.process.url}/_sim/events", params=params).json()
        for call in page["events"]:
            found.setdefault(_pod(call), call["at_ms"])
        if not page["more"]:
            return found
        since = page["next"]


def _pod(call: Any) -> str:
    details = json.dumps(call["payload"])
    return details.partition("pod-")[2].partition('"')[0].join(("pod-", ""))


def main() -> None:
    """Print p50 and p99 beside what they must be."""
    with tempfile.TemporaryDirectory() as folder:
        simulator = Simulator()
        config = Path(folder) / "topology.yaml"
        config.write_text(TOPOLOGY, encoding="utf-8")
        environment = {
            "TOCSIN_PAGERDUTY_EVENTS_URL": simulator.process.url,
            "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
        }
        data = str(Path(folder) / "data")
        arguments = ("--listen", "127.0.0.1:0", "--data", data, "--config", str(config))
        process = Process("run", *arguments, environment=environment)
        try:
            due = asyncio.run(steady(f"{process.url}/api/v1/alerts"))
            simulator.wait(len(due))
            arrived = called(simulator)
        finally:
            process.end()
            simulator.end()
    took = [arrived[pod] - at for pod, at in due.items()]
    print(f"{RATE_PER_S} alerts/s for {SECONDS} s, each a page; load {os.getloadavg()[0]:.1f}")
    print("| alert due → PagerDuty called | ms | must |\n|---|---|---|")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        print(f"| {name} | {load.quantile(took, share):.0f} | ≤ {MUST_MS[name]} |")
    print(f"| worst | {max(took):.0f} | |")


if __name__ == "__main__":
    main()
