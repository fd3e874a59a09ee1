"""The recorded storm as records: what the edge makes of each request, at the time it came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import httpx
import yaml
from msgspec import Struct

from pipeline.codec import encode
from pipeline.domain.secret import Secret
from pipeline.domain.silence import Silence
from pipeline.domain.store import Output
from pipeline.edge.deps import Deps
from pipeline.edge.server import build
from pipeline.simulate.storm import FOLDER, read_recording
from pipeline.stages.enrich.catalog import parse_services
from pipeline.topology.declared import Topology
from pipeline.topology.load import load

TOGETHER_MS = 400
"""What came within so long is written at once, so that epochs read more than one record."""

HOUR_MS = 3_600_000
ROUTING_KEY = "d" * 32


class Moment(Struct, frozen=True):
    """Records that come together, so long after the beginning."""

    at_ms: int
    outputs: tuple[Output, ...]


def storm_text(**more: Any) -> str:
    """The topology.yaml of the demo, with more in it."""
    stated = yaml.safe_load((FOLDER / "topology.yaml").read_text(encoding="utf-8"))
    return yaml.safe_dump({**stated, **more})


def storm_topology(text: str) -> Topology:
    """What it declares."""
    return load(text, "storm", lambda _: Secret(ROUTING_KEY))


def world(now_ms: int) -> list[Output]:
    """What is known before the storm: the catalog, and a silence over the nightly reports."""
    document = yaml.safe_load((FOLDER / "catalog.yaml").read_text(encoding="utf-8"))
    services = parse_services([document], ["catalog.yaml"]).services
    silence = Silence(
        silence_id="reports",
        tenant="default",
        matchers=('service="reports"',),
        starts_at_ms=now_ms - HOUR_MS,
        ends_at_ms=now_ms + HOUR_MS,
        created_by="ann",
    )
    return [
        *(Output(topic="services", key=one.name, value=encode(one)) for one in services),
        Output(topic="silences", key=silence.silence_id, value=encode(silence)),
    ]


async def moments(topology: Topology, start_ms: int) -> list[Moment]:
    """All that the edge would write if the storm began at `start_ms`."""
    recording, wrote = read_recording(), _Wrote()
    found: list[tuple[int, list[Output]]] = []
    now_ms = start_ms
    deps = Deps(appender=wrote, now_ms=lambda: now_ms, ingest=topology.sections["ingest"])
    transport = httpx.ASGITransport(build(deps))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for step in recording.steps:
            now_ms = start_ms + step.at_ms
            headers = {"content-type": "application/json"}
            body = recording.body(step, start_ms)
            await client.post(step.path, content=body, headers=headers)
            found.append((step.at_ms, wrote.taken()))
    return list(_gathered(found))


def _gathered(found: Iterable[tuple[int, list[Output]]]) -> Iterator[Moment]:
    for number, steps in groupby(found, key=lambda step: step[0] // TOGETHER_MS):
        outputs = tuple(output for _, some in steps for output in some)
        if outputs:
            yield Moment((number + 1) * TOGETHER_MS, outputs)


class _Wrote:
    """An Appender that hands on what it was given."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []

    async def append(self, outputs: Iterable[Output]) -> Sequence[tuple[str, int, int]]:
        """Take records in."""
        records = list(outputs)
        self._outputs += records
        return [(record.topic, 0, 0) for record in records]

    def taken(self) -> list[Output]:
        """What came since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs
