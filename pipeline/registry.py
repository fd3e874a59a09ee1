"""Stages, sections and sinks by the words of topology.yaml: import strings, loaded on use.

Adding a stage or a sink is one file and one line here. The three tables are read-only; what a
string names is imported when it is first asked for, so that `tocsin --help` loads none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import GenericAlias, MappingProxyType
from typing import Any, Final, cast

from pipeline.domain.errors import UsageError
from pipeline.domain.sink import Sink
from pipeline.domain.stage import Stage
from pipeline.domain.wiring import Wiring

STAGES: Final = MappingProxyType(
    {
        "ingest": "pipeline.stages.ingest:build",
        "enrich": "pipeline.stages.enrich:build",
        "watch": "pipeline.stages.watch:build",
        "correlate": "pipeline.stages.correlate:build",
        "sense": "pipeline.stages.sense:build",
        "classify": "pipeline.stages.classify:build",
        "foresee": "pipeline.stages.foresee:build",
        "route": "pipeline.stages.route:build",
        "announce": "pipeline.stages.announce:build",
        "send": "pipeline.stages.send:build",
        "fit": "pipeline.stages.fit:build",
    }
)
"""Name of a stage → its `build`, a function from Wiring to Stage."""

SECTIONS: Final = MappingProxyType(
    {
        "ingest": "pipeline.stages.ingest.config:IngestConfig",
        "enrich": "pipeline.stages.enrich.config:EnrichConfig",
        "correlate": "pipeline.stages.correlate.config:CorrelateConfig",
        "sense": "pipeline.stages.sense.config:Sense",
        "models": "pipeline.domain.sharing:Models",
        "foresee": "pipeline.stages.foresee.config:Foresee",
        "inhibit": "pipeline.stages.route.config:Inhibition",
        "routes": "pipeline.stages.route.config:Route",
        "pause": "pipeline.stages.route.config:Pause",
    }
)
"""Name of a section → its Struct. `inhibit` is a list of its Struct."""

RECEIVER_TYPE: Final = "pipeline.stages.send.config:receiver_config"
"""The function from a sink to the Struct of its receivers."""

SINKS: Final = MappingProxyType(
    {
        "pagerduty": "pipeline.sinks.pagerduty:SINK",
        "webhook": "pipeline.sinks.webhook:SINK",
    }
)
"""Name of a sink → the sink."""

BUILT_IN_SINKS: Final = MappingProxyType({"canary": "pipeline.sinks.canary:SINK"})
"""Sinks of Tocsin's own receivers, which topology.yaml cannot name."""


def stage_builder(name: str) -> Callable[[Wiring], Stage]:
    """The `build` of a stage. Raises UsageError for a name that is not registered."""
    return cast("Callable[[Wiring], Stage]", _load("stage", STAGES, name))


def section_type(name: str) -> type[Any]:
    """The type of a section's value: a Struct, or of `inhibit` a tuple of them.

    Raises UsageError for a name that is not registered.
    """
    found = _load("section", SECTIONS, name)
    return cast("type[Any]", GenericAlias(tuple, (found, ...)) if name == "inhibit" else found)


def sink(name: str) -> Sink:
    """A sink by its name. Raises UsageError for a name that is not registered."""
    table = BUILT_IN_SINKS if name in BUILT_IN_SINKS else SINKS
    return cast("Sink", _load("sink", table, name))


@cache
def receiver_type(name: str) -> type[Any]:
    """The Struct of a receiver with the sink `name`: the common fields and the sink's own.

    Raises UsageError for a name that is not registered.
    """
    return cast("type[Any]", _import(RECEIVER_TYPE)(sink(name)))


def sinks() -> dict[str, Sink]:
    """Every sink by its name, as Wiring wants them."""
    return {name: sink(name) for name in (*SINKS, *BUILT_IN_SINKS)}


def _load(kind: str, table: MappingProxyType[str, str], name: str) -> Any:
    if name not in table:
        raise UsageError(f"there is no {kind} {name!r}; there are {', '.join(sorted(table))}")
    return _import(table[name])


@cache
def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
