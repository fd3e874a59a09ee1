"""Desired: every topic that a Topology needs on Kafka, derived from it as plain frozen values.

Beside the declared topics those are one changelog per agent and the control topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from pipeline.engine.agent import DEAD_LETTER_BYTES_MAX, DEAD_LETTERS, SIZE_BYTES_MAX
from pipeline.engine.tables import ROW_BYTES_MAX
from pipeline.topology.builtin import GLOBALS
from pipeline.topology.declared import TopicSpec, Topology

RECORD_OVERHEAD_BYTES: Final = 48_576
"""What Kafka counts beside a value: key, headers, framing. With a value of 1 MB that is 1 MiB."""

CHANGELOG_VALUE_BYTES_MAX: Final = ROW_BYTES_MAX
"""The largest row of a table that a changelog takes."""

CHANGELOG_TOMBSTONES_MS: Final = 7 * 86_400_000
"""So long a changelog keeps tombstones: state on disk is trusted up to half of that age."""

CHANGELOG_LAG_MS: Final = 600_000
"""Standbys that are no further behind than this see every value of a row, not only the last."""

CHANGELOG_SEGMENT_BYTES: Final = 104_857_600
"""The open segment is never compacted, so that a restore reads all of it: a gibibyte by default."""


class Topic(Struct, frozen=True, kw_only=True):
    """One topic of a cluster. `settings` are those of Kafka's that Tocsin decides.

    `is_keyed`: the partition follows from the key. `is_external`: somebody else's; only looked at.
    """

    partitions: int
    replication: int
    settings: Mapping[str, str]
    is_keyed: bool = True
    is_external: bool = False


class State(Struct, frozen=True, kw_only=True):
    """A cluster as one application wants it, or as it is.

    `owned` names topics that an apply made or took over. `applied` is the hash of the topology
    that workers may run and `scope` what it declares; both empty where none was applied.
    """

    topics: Mapping[str, Topic]
    owned: frozenset[str] = frozenset()
    applied: str = ""
    scope: tuple[str, ...] = ()


def control_topic(app: str) -> str:
    """The topic that says which topology is applied."""
    return f"{app}-topology"


def changelog_topic(app: str, agent: str) -> str:
    """The topic beneath an agent's tables."""
    return f"{app}-{agent}-changelog"


def changelog_partitions(topology: Topology, agent: str) -> int:
    """As many as the topics that the agent reads have. Raises KeyError for an unknown one."""
    spec = topology.agents[agent]
    return max(topology.partitions(topic) for topic in (*spec.reads, *spec.returns))


def desired(topology: Topology, replication: int = 0) -> State:
    """What the cluster has to be for a topology; `replication` overrides the declared number."""
    replicas = replication or topology.defaults.replication
    topics = {
        name: _declared(topology, name, spec, replicas) for name, spec in topology.topics.items()
    }
    for agent in topology.agents:
        topics[changelog_topic(topology.app, agent)] = Topic(
            partitions=changelog_partitions(topology, agent),
            replication=replicas,
            settings={
                **_compacted(CHANGELOG_TOMBSTONES_MS, CHANGELOG_LAG_MS),
                "segment.bytes": str(CHANGELOG_SEGMENT_BYTES),
                **_safety(replicas, CHANGELOG_VALUE_BYTES_MAX),
            },
        )
    topics[control_topic(topology.app)] = Topic(
        partitions=1,
        replication=replicas,
        settings={"cleanup.policy": "compact", **_safety(replicas, SIZE_BYTES_MAX)},
    )
    return State(
        topics=topics,
        owned=frozenset(name for name, topic in topics.items() if not topic.is_external),
        applied=topology.hash,
        scope=topology.scope,
    )


def declared_settings(topology: Topology, name: str) -> dict[str, str]:
    """The settings of a declared topic but for those that depend on the number of replicas.

    Raises KeyError for a topic that is not declared.
    """
    spec = topology.topics[name]
    kept_ms = topology.retention_ms(name)
    if spec.cleanup == "compact":
        # A replay of a past hour looks globals up as they were then.
        kept = _compacted(kept_ms, kept_ms if name in GLOBALS else 0)
    else:
        kept = {"cleanup.policy": "delete", "retention.ms": str(kept_ms)}
    return {**kept, "max.message.bytes": str(value_bytes_max(name, spec) + RECORD_OVERHEAD_BYTES)}


def value_bytes_max(name: str, spec: TopicSpec) -> int:
    """The largest value of one record on a declared topic."""
    if spec.size_max is not None:
        return int(spec.size_max)
    return DEAD_LETTER_BYTES_MAX if name == DEAD_LETTERS else SIZE_BYTES_MAX


def _declared(topology: Topology, name: str, spec: TopicSpec, replicas: int) -> Topic:
    safety = _safety(replicas, value_bytes_max(name, spec))
    return Topic(
        partitions=topology.partitions(name),
        replication=replicas,
        settings={} if spec.is_external else {**declared_settings(topology, name), **safety},
        is_keyed=bool(spec.key),
        is_external=spec.is_external,
    )


def _compacted(tombstones_ms: int, lag_ms: int) -> dict[str, str]:
    return {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(tombstones_ms),
        "min.compaction.lag.ms": str(lag_ms),
    }


def _safety(replicas: int, value_bytes: int) -> dict[str, str]:
    """What acks=all needs to mean durable: one replica may be lost, none may lead unsynced."""
    return {
        "max.message.bytes": str(value_bytes + RECORD_OVERHEAD_BYTES),
        "min.insync.replicas": str(max(1, replicas - 1)),
        "unclean.leader.election.enable": "false",
    }
