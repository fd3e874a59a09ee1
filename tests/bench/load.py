"""The load of the embedded benchmarks: batches of native or Alertmanager alerts, and a sender."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
from msgspec import Struct

BATCH = 100
WORKLOADS = ("duplicates", "grouped", "alone")
"""90 % duplicates · all new, ten to a group · all new, each a page of its own."""


class Sent(Struct):
    """What came of sending: alerts per second until the last answer, seconds per batch."""

    count: int
    seconds: float
    latencies: list[float]


def identities(workload: str, count: int) -> list[int]:
    """Which identity each of `count` alerts has."""
    if workload != "duplicates":
        return list(range(count))
    rng = random.Random(2_026)
    return [rng.randrange(count // 10) for _ in range(count)]


def pages(workload: str, count: int) -> int:
    """How many pages the load must come to."""
    if workload == "alone":
        return count
    known = len(set(identities(workload, count)))
    return (
        len({number // 10 for number in range(known)})
        if workload == "grouped"
        else len({number // 10 for number in identities(workload, count)})
    )


def native(number: int, workload: str) -> dict[str, Any]:
    """One alert as a producer sends it: about 400 bytes, four labels."""
    alert = {
        "name": f"HighErrorRate{number % 50}",
        "status": "firing",
        "severity": "critical",
        "instance": f"10.3.{number // 250 % 250}.{number % 250}:9090",
        "description": "5xx ratio above 5 % for 10 minutes",
        "labels": {"team": "payments", "pod": f"pod-{number}", "job": "checkout", "tier": "1"},
        "annotations": {"runbook": "https://runbooks.example/checkout/5xx"},
    }
    if workload != "alone":
        alert["service"] = f"service-{number // 10}"
    return alert


def prometheus(number: int, workload: str) -> dict[str, Any]:
    """The same alert as Prometheus sends it to Alertmanager."""
    alert = native(number, workload)
    labels = {
        **alert["labels"],
        "alertname": alert["name"],
        "severity": alert["severity"],
        "instance": alert["instance"],
        "service": alert.get("service", f"alone-{number}"),
    }
    annotations = {**alert["annotations"], "description": alert["description"]}
    return {"labels": labels, "annotations": annotations, "generatorURL": "http://p.example/g"}


def bodies(workload: str, count: int, make: Any = native) -> list[bytes]:
    """The load as request bodies of BATCH alerts."""
    numbers = identities(workload, count)
    return [
        json.dumps([make(number, workload) for number in numbers[at : at + BATCH]]).encode()
        for at in range(0, count, BATCH)
    ]


async def send(url: str, batches: Sequence[bytes], connections: int = 8) -> Sent:
    """POST all batches over some connections as fast as they are taken; all must be 2xx."""
    latencies: list[float] = []
    waiting = iter(batches)

    async def work(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            begun = time.perf_counter()
            headers = {"content-type": "application/json"}
            async with session.post(url, data=body, headers=headers) as answer:
                if answer.status // 100 != 2:
                    raise RuntimeError(f"{answer.status}: {(await answer.text())[:300]}")
                await answer.read()
            latencies.append(time.perf_counter() - begun)

    async with aiohttp.ClientSession() as session:
        begun = time.perf_counter()
        await asyncio.gather(*(work(session) for _ in range(connections)))
        took = time.perf_counter() - begun
    return Sent(len(batches) * BATCH, took, latencies)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
