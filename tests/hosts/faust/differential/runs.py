"""Runs: what the driver played, at rest, as the comparison takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from pipeline.app import compose
from pipeline.engine import Agent
from pipeline.hosts.embedded.replay import Build
from pipeline.topology.declared import Topology
from pipeline.topology.desired import changelog_topic
from tests.hosts.faust.differential.comparing import Held, Run
from tests.hosts.faust.differential.copied import Copied

WITHIN_S: Final = 30.0

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
    return Run(
        log=log,
        rules=topology.hash,
        build=building(lambda _: topology, installation),
        globals={name: types[name] for name in compose.global_topics(topology)},
        changelogs={name: changelog_topic(topology.app, name) for name in topology.agents},
        held=held,
        committed=committed(bootstrap, topology),
    )


def committed(bootstrap: str, topology: Topology) -> dict[tuple[str, str, int], int]:
    """What the groups have committed, by (agent, topic, partition)."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    found = {}
    for agent in topology.agents:
        group = f"{topology.app}-{agent}"
        asked: Any = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        for at in asked[group].result(WITHIN_S).topic_partitions:
            found[agent, at.topic, at.partition] = at.offset
    return found
