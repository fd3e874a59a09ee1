"""Target: the application on Kafka that is to go on, and whether it may be written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from msgspec import Struct

from pipeline.engine import Agent
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import Bounds, BulkReader
from pipeline.hosts.faust.client.membership import standings
from pipeline.hosts.migrate.routing import Routing
from pipeline.topology.apply import prospect
from pipeline.topology.apply.act import act
from pipeline.topology.apply.connection import connected
from pipeline.topology.apply.control import Control, read_control
from pipeline.topology.apply.look import look
from pipeline.topology.declared import Topology
from pipeline.topology.desired import State, control_topic, desired
from pipeline.topology.plan import Action

NAMED_MAX: Final = 5
"""So many topics or groups are named in one complaint."""

_MISSING: Final = ("create", "partitions", "by hand")
"""What `topology apply` has to have done before anything is carried."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to go on where: rules with their text, agents with their stages built."""

    options: Mapping[str, Any]
    topology: Topology
    text: str
    agents: Sequence[Agent]


class Target:
    """Use it in an `async with`. `control` is what its control topic says."""

    def __init__(self, wanted: Wanted) -> None:
        self.options = wanted.options
        self.topology = wanted.topology
        self.text = wanted.text
        self.routing = Routing(wanted.topology, wanted.agents)
        self.agents = {agent.name: agent for agent in wanted.agents}
        self.control = Control()
        self._reader = BulkReader(wanted.options)

    async def __aenter__(self) -> Self:
        """Raises ClientError, ClusterError where the cluster does not answer."""
        await self._reader.start()
        try:
            self.control = await read_control(self.options, self.topology.app)
        except BaseException:
            await self._reader.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()

    def group(self, agent: str) -> str:
        """The consumer group of an agent."""
        return f"{self.topology.app}-{agent}"

    def is_ours(self, topic: str) -> bool:
        """Whether nobody else writes a declared topic."""
        return not self.topology.topics[topic].is_external

    def is_deleting(self, topic: str) -> bool:
        """Whether a declared topic keeps each record for its time, and not the latest per key."""
        return self.topology.topics[topic].cleanup == "delete"

    def inputs(self) -> dict[Place, list[str]]:
        """Each partition that tasks read, with the agents that do."""
        found: dict[Place, list[str]] = {}
        for agent in self.agents.values():
            for topic in agent.reads:
                for number in range(self.topology.partitions(topic)):
                    found.setdefault((topic, number), []).append(agent.name)
        return found

    async def bounds(self, topics: Sequence[str]) -> dict[Place, Bounds]:
        """Where the partitions of some topics begin and end. Raises UnknownTopic."""
        places = [
            (topic, number)
            for topic in topics
            for number in range(await self._reader.partitions(topic))
        ]
        return await self._reader.bounds(places)

    async def count(self, place: Place, bounds: Bounds) -> int:
        """How many committed records a partition has."""
        count = 0
        async for stretch in self._reader.read(place, *bounds):
            count += len(stretch.rows)
        return count

    async def missing(self) -> list[str]:
        """What `topology apply` has not done yet, as sentences."""
        found = await prospect(self.options, self.topology, replication=1)
        late = [each.topic for each in found.actions if each.kind in _MISSING]
        if not late:
            return []
        return [
            (
                f"{_some(late)}: not as topology.yaml declares: run `tocsin topology apply` on the"
                " target first"
            )
        ]

    async def members(self) -> list[str]:
        """Whose workers run, as sentences."""
        found = await standings(self.options, {self.group(name): () for name in self.agents})
        held = [group for group, standing in found.items() if standing.members]
        if not held:
            return []
        return [
            (
                f"workers are in {_some(held)}: stop every worker and edge of the target (one that"
                " was killed counts until its session ends)"
            )
        ]

    async def remains(self) -> list[str]:
        """What stands there already, as sentences: records, state, offsets."""
        kept = [name for name, topic in self._own().topics.items() if not topic.is_external]
        kept.remove(control_topic(self.topology.app))
        bounds = await self.bounds(kept)
        full = {topic for (topic, _), each in bounds.items() if each.first < each.next}
        found = []
        if full:
            found.append(
                f"the target is not empty: there are records on {_some(sorted(full))}; migrate"
                " onto a cluster where nothing has run, or delete these topics and apply again"
            )
        return found + await self.offsets()

    async def offsets(self) -> list[str]:
        """Which groups have committed something, as sentences."""
        wanted: dict[str, list[Place]] = {self.group(name): [] for name in self.agents}
        for place, names in self.inputs().items():
            for name in names:
                wanted[self.group(name)].append(place)
        found = await standings(self.options, wanted)
        moved = [group for group, standing in found.items() if standing.offsets]
        if not moved:
            return []
        return [
            (
                f"the target is not empty: offsets are committed for {_some(moved)}; a worker has"
                " run there: delete these groups and their topics, or take another cluster"
            )
        ]

    async def make_anew(self) -> None:
        """Delete all topics that are ours and make them again as they were. Raises ClusterError.

        For what an interrupted migration has left, and nothing else.
        """
        wanted = self._own()
        async with connected(self.options) as connection:
            found = await look(connection, self.options, self.topology, wanted)
            there = State(
                topics={
                    name: topic
                    for name, topic in found.state.topics.items()
                    if name in wanted.topics and not wanted.topics[name].is_external
                }
            )
            await act(connection, there, [Action(kind="destroy", topic=t) for t in there.topics])
            await act(connection, there, [Action(kind="create", topic=t) for t in there.topics])
        self.control = await read_control(self.options, self.topology.app)

    def _own(self) -> State:
        return desired(self.topology, replication=1)


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + rest
