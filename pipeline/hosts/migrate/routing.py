"""Routing: which task of the target has a row, a timer or a record that comes from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from pipeline.domain.errors import UsageError
from pipeline.domain.stage import INCIDENTS, Timed
from pipeline.engine import Agent
from pipeline.engine.agent import INCIDENTS_TOPIC
from pipeline.engine.keep import Keep
from pipeline.engine.wakes import BY_NAME, BY_TIME, named
from pipeline.hosts.faust.client.partitions import partition_of
from pipeline.topology.declared import Topology
from pipeline.topology.desired import changelog_partitions

Owner = Callable[[str], str]
"""From a key to the key of the records that change it."""


class Home(NamedTuple):
    """The task that has a row from now on."""

    agent: str
    partition: int


class Routing:
    """Where everything belongs under one topology, whose agents have their stages built."""

    def __init__(self, topology: Topology, agents: Sequence[Agent]) -> None:
        self._counts = {agent.name: changelog_partitions(topology, agent.name) for agent in agents}
        self._topics = {topic: topology.partitions(topic) for topic in topology.topics}
        self._tables: dict[str, tuple[str, Owner | None]] = {}
        self._timers: dict[str, tuple[str, Owner | None]] = {}
        for agent in agents:
            for stage in agent.stages:
                owner = cast("Timed", stage).owner_of_wake if is_timed(stage) else None
                self._timers[stage.name] = (agent.name, owner)
                for spec in stage.tables:
                    self._tables[spec.name] = (agent.name, spec.owner)
            if INCIDENTS_TOPIC in agent.writes:
                self._timers[Keep.name] = (agent.name, Keep().owner_of_wake)
                self._tables[INCIDENTS.name] = (agent.name, INCIDENTS.owner)

    def tasks(self) -> Mapping[str, int]:
        """Agent → its number of partitions."""
        return self._counts

    def agent_of(self, table: str) -> str | None:
        """The agent that has a table; None where none has. Timers are several agents': empty."""
        if table in (BY_TIME, BY_NAME):
            return ""
        found = self._tables.get(table)
        return None if found is None else found[0]

    def home(self, table: str, key: str) -> Home | None:
        """The task that has a row; None where no stage of the topology knows it.

        Raises UsageError where the stage that does cannot say whose the row is.
        """
        if table in (BY_TIME, BY_NAME):
            stage, what = named(table, key)
            found = self._timers.get(stage)
        else:
            stage, what = table, key
            found = self._tables.get(table)
        if found is None:
            return None
        agent, owner = found
        if owner is None:
            raise UsageError(f"{stage!r} does not say whose its rows are, so they cannot be moved")
        return Home(agent, partition_of(owner(what).encode(), self._counts[agent]))

    def partition(self, topic: str, key: bytes | None, offset: int) -> int:
        """The partition of a record. One without a key goes round, by its former offset."""
        count = self._topics[topic]
        return offset % count if key is None else partition_of(key, count)


def is_timed(stage: object) -> bool:
    """Whether a stage asks for wakes, and says whose they are."""
    return hasattr(stage, "owner_of_wake")
