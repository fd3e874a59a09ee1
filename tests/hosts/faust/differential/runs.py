"""Runs: what the driver played, at rest, as the comparison takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.app import compose
from pipeline.engine import Agent
from pipeline.hosts.embedded.replay import Build
from pipeline.topology.declared import Topology
from pipeline.topology.desired import changelog_topic
from tests.crash.kafka.reading import Broker
from tests.hosts.faust.differential.comparing import Held, Run
from tests.hosts.faust.differential.copied import Copied

Rules = Callable[[str], Topology]
"""From the hash of a topology to it."""


def building(rules: Rules, installation: str) -> Build:
    """The agents of an epoch's time: those of its topology, for its slot."""

    def build(topology_hash: str, slot: str) -> Sequence[Agent]:
        topology = rules(topology_hash)
        return compose.agents(topology, compose.wiring(topology, installation, slot=slot))

    return build


def at_rest(
    bootstrap: str, topology: Topology, installation: str, log: Copied, held: dict[str, Held]
) -> Run:
    """A run that has come to rest under one topology: `log` has all of its topics."""
    types = compose.event_types(topology)
    broker = Broker(bootstrap)
    committed = {}
    for name, spec in topology.agents.items():
        places = broker.partitions((*spec.reads, *spec.returns))
        for (topic, partition), (offset, _) in broker.committed(
            f"{topology.app}-{name}", places
        ).items():
            committed[name, topic, partition] = offset
    return Run(
        log=log,
        build=building(lambda _: topology, installation),
        globals={name: types[name] for name in compose.global_topics(topology)},
        changelogs={name: changelog_topic(topology.app, name) for name in topology.agents},
        held=held,
        committed=committed,
    )
