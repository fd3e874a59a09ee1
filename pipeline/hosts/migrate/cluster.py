"""ClusterSource: an application on Kafka whose workers have stopped, read as a takeover would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, Self

from msgspec.structs import replace

from pipeline.domain.errors import Busy, StoreError
from pipeline.domain.store import Checkpoint
from pipeline.hosts.faust.client.bulk import BulkReader
from pipeline.hosts.faust.client.errors import UnknownTopic
from pipeline.hosts.faust.client.membership import Standing, standings
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, decode_checkpoint, split_key
from pipeline.hosts.migrate.source import Bounds, Moved, Place, TableSize
from pipeline.topology.apply.control import Control
from pipeline.topology.declared import Topology
from pipeline.topology.desired import changelog_partitions, changelog_topic

PIECE_MAX: Final = 2_000
"""Rows that are handed on at once."""

_Rows = dict[str, list[tuple[str, bytes]]]
"""Table → its rows by key."""


class ClusterSource:
    """A Source. `topology` is what its control topic says is applied. Use it in an `async with`.

    The state of one task at a time is held in memory.
    """

    def __init__(self, options: Mapping[str, Any], topology: Topology, control: Control) -> None:
        self._topology = topology
        self._reader = BulkReader(options, with_headers=True)
        self._options = options
        self.name = f"the application {topology.app} at {options['bootstrap_servers']}"
        self.installation = control.installation
        self.applied = control.applied
        self.texts: Mapping[str, str] = control.texts
        self.checkpoints: Mapping[str, Checkpoint] = {}
        self._held: tuple[str, _Rows] = ("", {})
        self._sizes: list[TableSize] | None = None

    async def __aenter__(self) -> Self:
        """Raises Busy where a worker of it runs, StoreError where its state is not whole."""
        await self._reader.start()
        try:
            app, topology = self._topology.app, self._topology
            groups = {f"{app}-{agent}": self._places(agent) for agent in topology.agents}
            found = await standings(self._options, groups)
            for group, standing in found.items():
                if standing.members:
                    raise Busy(
                        f"{standing.members} workers are in the group {group} of {self.name}:"
                        " stop all workers and edges of it first (a killed one counts until its"
                        " session ends)"
                    )
            self.checkpoints = {
                f"{agent}-{number}": await self._checkpoint(agent, number, found[f"{app}-{agent}"])
                for agent in topology.agents
                for number in range(changelog_partitions(topology, agent))
            }
        except BaseException:
            await self._reader.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()

    async def tables(self) -> Sequence[TableSize]:
        """All tables that have rows."""
        if self._sizes is None:
            self._sizes = [
                TableSize(task, table, len(rows))
                for task in self.checkpoints
                for table, rows in sorted((await self._state(task)).items())
            ]
        return self._sizes

    async def rows(
        self, task: str, table: str, start: int
    ) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
        """The rows of a table by key."""
        found = (await self._state(task)).get(table, [])
        for first in range(start, len(found), PIECE_MAX):
            yield found[first : first + PIECE_MAX]

    async def bounds(self, topic: str) -> Mapping[int, Bounds]:
        """Where each partition of a topic begins and ends."""
        if topic not in self._topology.topics:
            return {}
        try:
            count = await self._reader.partitions(topic)
        except UnknownTopic:
            return {}
        found = await self._reader.bounds((topic, number) for number in range(count))
        return {number: Bounds(*bounds) for (_, number), bounds in found.items()}

    async def records(self, place: Place, start: int, end: int) -> AsyncIterator[Sequence[Moved]]:
        """The committed records of a range."""
        async for stretch in self._reader.read(place, start, end):
            yield [
                Moved(key, value, [(name, raw or b"") for name, raw in headers], at_ms, offset)
                for (key, value, offset, at_ms), headers in zip(
                    stretch.rows, stretch.headers, strict=True
                )
                if offset < end
            ]

    def _places(self, agent: str) -> list[Place]:
        spec = self._topology.agents[agent]
        return [
            (topic, number)
            for topic in chain(spec.reads, spec.returns)
            for number in range(self._topology.partitions(topic))
        ]

    async def _checkpoint(self, agent: str, number: int, standing: Standing) -> Checkpoint:
        """The checkpoint of a task, with the offsets that its group knows beside it."""
        raw = (await self._latest(agent, number)).get(CHECKPOINT_KEY)
        found = Checkpoint() if raw is None else decode_checkpoint(raw)
        by_group = {
            f"{topic}:{partition}": offset
            for (topic, partition), offset in standing.offsets.items()
            if partition == number
        }
        for at, offset in by_group.items():
            if found.offsets.get(at, offset) != offset:
                raise StoreError(
                    f"{agent}-{number} of {self.name} has read {at} up to {found.offsets[at]} by"
                    f" its state, and up to {offset} by its group: somebody moved the group's"
                    " offsets; set them back, start its workers once, stop them and try again"
                )
        return replace(found, offsets={**found.offsets, **by_group})

    async def _state(self, task: str) -> _Rows:
        """The rows of one task; those of the last one asked for are kept."""
        if self._held[0] != task:
            agent, _, number = task.rpartition("-")
            latest = await self._latest(agent, int(number))
            rows: _Rows = {}
            for raw, value in latest.items():
                if value is not None and raw != CHECKPOINT_KEY:
                    table, key = split_key(raw)
                    rows.setdefault(table, []).append((key.decode(), value))
            for found in rows.values():
                found.sort()
            self._held = (task, rows)
        return self._held[1]

    async def _latest(self, agent: str, number: int) -> dict[bytes, bytes | None]:
        """The last value per key of one changelog partition."""
        place = (changelog_topic(self._topology.app, agent), number)
        first, following = (await self._reader.bounds([place]))[place]
        latest: dict[bytes, bytes | None] = {}
        async for stretch in self._reader.read(place, first, following):
            for key, value, _, _ in stretch.rows:
                latest[key or b""] = value
        return latest
