"""Carry: a migration from its first transaction to its last, or from where it was interrupted.

Each transaction holds a piece of what is carried and how far that is (`marker`). The last one
holds the checkpoint of every task, the offsets of every group and what is applied from then on:
before it nobody can begin on the target, and after it everything is there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.domain.errors import Busy
from pipeline.domain.store import Checkpoint
from pipeline.hosts.faust.client.batches import Outgoing, Place
from pipeline.hosts.faust.client.bulk import Bounds
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, encode_checkpoint
from pipeline.hosts.migrate.course import Course
from pipeline.hosts.migrate.marker import Marker, decode_marker, encode_marker
from pipeline.hosts.migrate.mover import TRANSACTION_TIMEOUT_MS, Mover
from pipeline.hosts.migrate.source import Source, fingerprint
from pipeline.hosts.migrate.target import Target
from pipeline.hosts.migrate.units import HISTORY, Step, Unit
from pipeline.topology.apply.control import (
    APPLIED,
    INSTALLATION,
    MIGRATED,
    MIGRATING,
    OWNED,
    TEXT,
)
from pipeline.topology.desired import changelog_topic, control_topic, desired

PIECE_RECORDS_MAX: Final = 5_000
PIECE_BYTES_MAX: Final = 8 * 2**20
"""What one transaction carries; a record that is larger goes alone."""

STARTS: Final = "starts"
"""The name, in the marker, of the moment when it is known where tasks begin."""

Tell = Callable[[str, int], None]
"""Told what is being carried, and how many records have been written in this run."""

_Records = dict[Place, list[Outgoing]]


class Carrier:
    """One run. `now_ms` is the time of what has no other."""

    def __init__(
        self, source: Source, target: Target, course: Course, now_ms: int, tell: Tell
    ) -> None:
        self._source, self._target, self._course = source, target, course
        self._now_ms, self._tell = now_ms, tell
        self._app = target.topology.app
        self._control = (control_topic(self._app), 0)
        self._written = 0
        self._mover = Mover(
            target.options,
            f"{self._app}-migrate",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        )
        begun = target.control.migrating
        self._marker = decode_marker(begun) if begun else course.marker

    async def run(self) -> None:
        """Carry what is not there yet. Raises Busy where a worker has begun on the target, and
        what the cluster refuses; then the same may be run again.
        """
        await self._mover.start()
        try:
            await self._put({})
            names = [unit.name for unit in self._course.before]
            if self._marker.unit in ("", *names):
                await self._pass_over()
                await self._carry(self._course.before)
                starts = await self._find_starts()
                await self._put({}, replace(self._marker, unit=STARTS, cursor=0, starts=starts))
            await self._carry(self._course.after)
            await self._switch()
        finally:
            await self._mover.stop()

    async def _pass_over(self) -> None:
        """Have new positions begin behind those of the source."""
        wanted = self._course.passed
        ends = await self._target.bounds(sorted({topic for topic, _ in wanted}))
        for place, end in wanted.items():
            if place in ends:
                self._tell(f"positions of {place[0]}", self._written)
                await self._mover.pass_over(place, end - ends[place].next)

    async def _find_starts(self) -> dict[str, int]:
        """Where each task begins to read: behind what was processed before, where that is carried.

        Else at the first record: a producer of somebody else's may have written already.
        """
        target = self._target
        inputs = target.inputs()
        bounds = await target.bounds(sorted({topic for topic, _ in inputs}))
        filled = await self._check_history(bounds)
        return {
            f"{topic}:{number}": bounds[topic, number].next
            if (topic, number) in filled or not target.is_deleting(topic)
            else bounds[topic, number].first
            for topic, number in inputs
        }

    async def _check_history(self, bounds: Mapping[Place, Bounds]) -> Collection[Place]:
        """The inputs onto which history was carried. Raises Busy where anything else is on them:
        it would be taken for processed.
        """
        expected: Counter[Place] = Counter()
        for unit in self._course.before:
            if unit.name.startswith(HISTORY):
                async for steps in unit.steps(0):
                    expected.update(step.place for step in steps)
        for place, count in expected.items():
            if place in bounds and await self._target.count(place, bounds[place]) != count:
                raise Busy(
                    f"somebody else writes to {place[0]} on the target: stop that until the"
                    " migration is over, and begin anew with --start-over"
                )
        return expected.keys()

    async def _carry(self, units: Sequence[Unit]) -> None:
        """Carry units, from the one and the record where the marker stands."""
        names = [unit.name for unit in units]
        at = names.index(self._marker.unit) if self._marker.unit in names else 0
        for unit in units[at:]:
            start = self._marker.cursor if unit.name == self._marker.unit else 0
            await self._carry_unit(unit, start)

    async def _carry_unit(self, unit: Unit, start: int) -> None:
        records: _Records = {}
        count = size_bytes = 0
        cursor = start
        async for steps in unit.steps(start):
            for step in steps:
                weight = _weight(step)
                if count and (count >= PIECE_RECORDS_MAX or size_bytes + weight > PIECE_BYTES_MAX):
                    await self._put_piece(unit, records, cursor)
                    records, count, size_bytes = {}, 0, 0
                cursor = step.cursor
                if step.record is not None:
                    records.setdefault(step.place, []).append(step.record)
                    count, size_bytes = count + 1, size_bytes + weight
        if count:
            await self._put_piece(unit, records, cursor)

    async def _put_piece(self, unit: Unit, records: _Records, cursor: int) -> None:
        self._written += sum(len(each) for each in records.values())
        await self._put(records, replace(self._marker, unit=unit.name, cursor=cursor))
        self._tell(unit.name, self._written)

    async def _put(self, records: _Records, marker: Marker | None = None) -> None:
        """Commit a piece together with how far it is."""
        marker = marker or self._marker
        said: Outgoing = (MIGRATING.encode(), encode_marker(marker), [], self._now_ms)
        await self._mover.put({**records, self._control: [*records.get(self._control, ()), said]})
        self._marker = marker

    async def _switch(self) -> None:
        """The last transaction: from here on workers may begin."""
        target = self._target
        amiss = [*await target.missing(), *await target.members(), *await target.offsets()]
        if amiss:
            raise Busy("; ".join(amiss))
        if await fingerprint(self._source, self._course.topics) != self._marker.source:
            raise Busy(
                f"somebody writes to {self._source.name}: stop its edges and workers, and whoever"
                " else writes to its topics, and begin anew with --start-over"
            )
        records: _Records = {self._control: self._applied()}
        offsets: dict[str, dict[Place, int]] = {}
        for agent in target.agents.values():
            checkpoint = self._checkpoint(agent.name)
            changelog = changelog_topic(self._app, agent.name)
            for number in range(target.routing.tasks()[agent.name]):
                starts = {
                    (topic, number): self._marker.starts[f"{topic}:{number}"]
                    for topic in agent.reads
                }
                offsets.setdefault(target.group(agent.name), {}).update(starts)
                mine = {f"{topic}:{partition}": at for (topic, partition), at in starts.items()}
                value = encode_checkpoint(replace(checkpoint, offsets=mine))
                records[changelog, number] = [(CHECKPOINT_KEY, value, [], self._now_ms)]
        await self._mover.put(records, offsets)

    def _checkpoint(self, agent: str) -> Checkpoint:
        """How far all tasks of an agent are: their time goes on, and the numbers of epochs do."""
        former = [
            checkpoint
            for task, checkpoint in self._source.checkpoints.items()
            if task.rpartition("-")[0] == agent
        ]
        return Checkpoint(
            epoch=max((each.epoch for each in former), default=0),
            now_ms=max((each.now_ms for each in former), default=0),
        )

    def _applied(self) -> list[Outgoing]:
        """What `topology apply` would publish, under the source's installation."""
        target = self._target
        topology = target.topology
        owned = target.control.owned | desired(topology, replication=1).owned
        texts: Mapping[str, str | None] = {
            INSTALLATION: self._source.installation,
            f"{TEXT}{topology.hash}": target.text,
            OWNED: json.dumps(sorted(owned)),
            APPLIED: topology.hash,
            MIGRATED: encode_marker(replace(self._course.marker, unit="")).decode(),
            MIGRATING: None,
        }
        return [
            (key.encode(), None if text is None else text.encode(), [], self._now_ms)
            for key, text in texts.items()
        ]


def _weight(step: Step) -> int:
    if step.record is None:
        return 0
    key, value, _, _ = step.record
    return len(key or b"") + len(value or b"")


async def carry(
    source: Source, target: Target, course: Course, now_ms: int, tell: Tell = lambda *_: None
) -> None:
    """Do all of a course that is not done yet. Raises as Carrier.run does."""
    await Carrier(source, target, course, now_ms, tell).run()
