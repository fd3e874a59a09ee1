"""Topology: what topology.yaml declares, as frozen values; every field has its default.

The docstring under a field is its documentation: `tocsin topology docs` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

from pipeline.domain.secret import Secret
from pipeline.domain.units import Duration, Size
from pipeline.stages.watch.config import HEARTBEATS_MAX, Heartbeat

Trouble = tuple[tuple[str | int, ...], str, str]
"""What a Struct says of itself: path beneath it, reason, hint."""

_MINUTE: Final = 60_000
_DAY: Final = 86_400_000
_PartitionsInt = Annotated[int, Meta(ge=1, le=10_000)]


class Defaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for every topic that says nothing else."""

    partitions: _PartitionsInt = 12
    """Partitions of a topic on Kafka, fixed when it is created; embedded there is one."""
    replication: Annotated[int, Meta(ge=1, le=9)] = 3
    """Replicas of a partition on Kafka."""
    retention: Duration = Duration(7 * _DAY)
    """How long a topic keeps its records; older ones are deleted."""


class TopicSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One topic: what its values are, what its key is, and how long it keeps them."""

    schema: str = ""
    """The type of its values, as in schemas/; empty: bytes as they came."""
    key: str = ""
    """What its key is; empty: any or none."""
    retention: Duration | None = None
    """How long records are kept; unset: as in defaults. Of a compacted topic: its tombstones."""
    cleanup: Literal["delete", "compact"] = "delete"
    """delete: records go after `retention` · compact: the latest of each key stays."""
    partitions: _PartitionsInt | None = None
    """Partitions on Kafka; unset: as in defaults. Topics of one agent have equally many, globals
    have one."""
    size_max: Size | None = None
    """Largest value of one record; unset: 1 MB, as in Kafka. A larger one is a dead letter."""
    is_external: bool = field(default=False, name="external")
    """Written by somebody else: no agent and no edge of ours has to. It must be there, and
    `tocsin topology apply` never changes it."""
    description: str = ""
    """One sentence for the documentation."""


class AgentSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agent: a chain of stages that reads topics and writes topics."""

    reads: tuple[str, ...] = ()
    """Topics it reads: written by the edge, by somebody else, or by an agent above."""
    returns: tuple[str, ...] = ()
    """Topics it reads that an agent below writes: the only way back."""
    stages: tuple[str, ...] = ()
    """Its stages, in the order in which an event passes them."""
    writes: tuple[str, ...] = ()
    """Topics that its stages emit to; any agent may write dead-letters besides."""
    looks_up: tuple[str, ...] = ()
    """Globals that it holds read-only: silences, services, changes, models."""


class TenantSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tenant: whoever shows one of its tokens at the edge."""

    tokens: tuple[Secret, ...] = ()
    """Bearer tokens, each a reference such as env:TEAM_A_TOKEN."""
    description: str = ""
    """Who that is, for people."""


class Canary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert of our own that proves the whole way; it reaches no receiver."""

    every: Duration = Duration(_MINUTE)
    """How often one is sent; off: none is."""
    within: Duration = Duration(30_000)
    """One that has not arrived after so long raises an alert about ourselves."""


class DeadMan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An outside watcher that is called as long as we live."""

    url: Secret | None = None
    """Called with GET, as a reference such as env:DEAD_MAN_URL, for it opens the watcher;
    unset: nobody is."""
    every: Duration = Duration(_MINUTE)
    """How often."""


class Observe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How Tocsin watches itself."""

    canary: Canary = Canary()
    """The proof of the whole way."""
    heartbeats: Annotated[tuple[Heartbeat, ...], Meta(max_length=HEARTBEATS_MAX)] = ()
    """Expected alerts."""
    dead_man: DeadMan = DeadMan()
    """The outside watcher, for the case that we are dead."""
    disk_free_min: Size = Size(2**30)
    """Below so much free space on the disk of the data folder a warning is raised."""

    def complaints(self) -> Iterable[Trouble]:
        """Heartbeats are told apart by their names."""
        seen: set[str] = set()
        for index, heartbeat in enumerate(self.heartbeats):
            if heartbeat.name in seen:
                reason = f"there are two heartbeats {heartbeat.name!r}"
                yield ("heartbeats", index, "name"), reason, "give each its own name"
            seen.add(heartbeat.name)


class Topology(Struct, frozen=True, kw_only=True):
    """The whole declaration. `sections` holds the values of registry.SECTIONS by name; `hash`
    is the hex BLAKE2b (128 bits) of what the file states, whatever its layout.
    """

    version: int = 1
    app: str = "tocsin"
    defaults: Defaults = Defaults()
    scope: tuple[str, ...] = ("environment", "region")
    topics: Mapping[str, TopicSpec]
    agents: Mapping[str, AgentSpec]
    sections: Mapping[str, Any]
    tenants: Mapping[str, TenantSpec] = field(default_factory=dict)
    observe: Observe = Observe()
    hash: str = ""

    def retention_ms(self, topic: str) -> int:
        """How long a topic keeps its records. Raises KeyError for one not declared."""
        stated = self.topics[topic].retention
        return int(self.defaults.retention if stated is None else stated)

    def partitions(self, topic: str) -> int:
        """Partitions of a topic on Kafka. Raises KeyError for one not declared."""
        return self.topics[topic].partitions or self.defaults.partitions
