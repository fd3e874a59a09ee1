"""Compose: from a Topology to agents with their stages built.

Hosts, driver, replay and backtest all run what `agents` gives.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from pipeline import registry
from pipeline.app.learning import Learned
from pipeline.codec import TOPIC_VALUES
from pipeline.domain.raw import RawAlert
from pipeline.domain.stage import Event
from pipeline.domain.wiring import Wiring
from pipeline.engine import Agent
from pipeline.models.anomaly.kept import RecordDetector
from pipeline.models.graph.rows import RowedPrecedence
from pipeline.sinks import canary
from pipeline.stages.route.config import Route
from pipeline.stages.send.config import Receiver
from pipeline.topology.builtin import GLOBALS
from pipeline.topology.declared import Topology

PAGERDUTY: Final = "pagerduty"
DRY: Final = "dry-"

CANARY: Final = "TocsinCanary"
"""The alert that proves the whole way; its route is ahead of all others and ends at a sink that
tells nobody."""

_CANARY_RECEIVER: Final = Receiver(sink=canary.SINK.name)
_CANARY_ROUTE: Final = Route(
    receiver=canary.RECEIVER,
    match=(f'alertname="{CANARY}"', 'is_test="true"'),
    resolved=False,
    acknowledged=False,
)


def new_slot(*, is_dry: bool = False) -> str:
    """The name of this run of a worker: a former run's calls are told apart by it."""
    return (DRY if is_dry else "") + secrets.token_hex(4)


def event_types(topology: Topology) -> dict[str, type[Event]]:
    """The type of each topic's values; bytes as they came are RawAlerts."""
    return {
        name: TOPIC_VALUES[spec.schema] if spec.schema else RawAlert
        for name, spec in topology.topics.items()
    }


def global_topics(topology: Topology) -> list[str]:
    """The topics that any agent looks up."""
    return [name for name in topology.topics if name in GLOBALS]


def wiring(
    topology: Topology, installation: str, *, slot: str = "", events_url: str = ""
) -> Wiring:
    """What the stages are built from. `events_url` replaces the URL of each PagerDuty receiver;
    a slot that starts with DRY decides everything and sends nothing.
    """
    sections: dict[str, Any] = dict(topology.sections)
    sections["receivers"] = {**sections["receivers"], canary.RECEIVER: _CANARY_RECEIVER}
    sections["routes_ahead"] = (_CANARY_ROUTE,)
    sections["heartbeats"] = topology.observe.heartbeats
    if events_url:
        sections["receivers"] = {
            name: replace(config, url=events_url) if config.sink == PAGERDUTY else config
            for name, config in sections["receivers"].items()
        }
    return Wiring(
        scope=topology.scope,
        installation=installation,
        slot=slot,
        sections=sections,
        sinks=registry.sinks(),
        is_dry=slot.startswith(DRY),
        learning=Learned(sections.get("models")),
        detector=RecordDetector(),
        precedes=RowedPrecedence(),
    )


def is_learning(found: Iterable[Agent]) -> bool:
    """Whether any of these agents learns: then what that needs is to be loaded."""
    return any(stage.name == "fit" for agent in found for stage in agent.stages)


def agents(topology: Topology, wires: Wiring) -> list[Agent]:
    """The agents of a topology in stream order, their stages built."""
    types = event_types(topology)
    limits: Mapping[str, int] = {
        name: int(spec.size_max)
        for name, spec in topology.topics.items()
        if spec.size_max is not None
    }
    return [
        Agent(
            name=name,
            stages=tuple(registry.stage_builder(stage)(wires) for stage in spec.stages),
            reads={topic: types[topic] for topic in (*spec.reads, *spec.returns)},
            writes=spec.writes,
            looks_up=spec.looks_up,
            topology=topology.hash,
            slot=wires.slot,
            size_bytes_max=limits,
        )
        for name, spec in topology.agents.items()
    ]
