"""Units: what is carried, in the order in which it is; each may be taken up at any record.

Records that were taken in and not yet processed go behind everything that was, so that a task
reads exactly them from where it starts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from pipeline.hosts.faust.client.batches import Outgoing, Place
from pipeline.hosts.faust.state.changelog import changelog_key
from pipeline.hosts.migrate.routing import Home, Routing
from pipeline.hosts.migrate.source import Moved, Source
from pipeline.topology.apply.control import TEXT
from pipeline.topology.desired import changelog_topic, control_topic

LATEST: Final = "latest"
HISTORY: Final = "history"
UNREAD: Final = "unread"
"""How the name of a unit of records begins."""


class Step(NamedTuple):
    """One record to be written (None: nothing), and where to go on after it."""

    cursor: int
    place: Place
    record: Outgoing | None


class Unit(Protocol):
    """A part of what is carried. `name` is unique, and the same whenever it is begun again."""

    @property
    def name(self) -> str:
        """What the marker calls it."""
        ...

    def steps(self, start: int) -> AsyncIterator[Sequence[Step]]:
        """All steps from a cursor on, in pieces; 0 is the beginning."""
        ...


class Texts:
    """The rules of the past, for whoever wants to know by which of them something was decided."""

    def __init__(self, app: str, texts: Mapping[str, str], now_ms: int) -> None:
        self.name = "rules"
        self._place = (control_topic(app), 0)
        self._texts = sorted(texts.items())
        self._now_ms = now_ms

    async def steps(self, start: int) -> AsyncIterator[Sequence[Step]]:
        """One record per text."""
        for number, (name, text) in enumerate(self._texts[start:], start + 1):
            record: Outgoing = (f"{TEXT}{name}".encode(), text.encode(), [], self._now_ms)
            yield [Step(number, self._place, record)]


class Records:
    """The records of a range of one partition, as they are, where their keys belong now."""

    def __init__(
        self, kind: str, source: Source, routing: Routing, place: Place, span: tuple[int, int]
    ) -> None:
        self.name = f"{kind} {place[0]}:{place[1]}"
        self._source, self._routing = source, routing
        self._place, self._span = place, span

    async def steps(self, start: int) -> AsyncIterator[Sequence[Step]]:
        """One step per record; the cursor is an offset."""
        first, end = self._span
        async for piece in self._source.records(self._place, max(first, start), end):
            yield [self._step(moved) for moved in piece]

    def _step(self, moved: Moved) -> Step:
        topic = self._place[0]
        partition = self._routing.partition(topic, moved.key, moved.offset)
        record = (moved.key, moved.value, moved.headers, moved.timestamp_ms)
        return Step(moved.offset + 1, (topic, partition), record)


class Latest(Records):
    """Of a compacted topic the latest record of each key, tombstones left out."""

    async def steps(self, start: int) -> AsyncIterator[Sequence[Step]]:
        """One step per key; the keys' offsets are found out first."""
        latest: dict[bytes | None, int] = {}
        async for piece in self._source.records(self._place, *self._span):
            for moved in piece:
                if moved.value is None:
                    latest.pop(moved.key, None)
                else:
                    latest[moved.key] = moved.offset
        kept = frozenset(latest.values())
        async for steps in super().steps(start):
            yield [step for step in steps if step.cursor - 1 in kept]


class State:
    """All rows of one task, each to the changelog partition of the task that has it from now on."""

    def __init__(
        self, app: str, source: Source, routing: Routing, task: str, tables: Sequence[str], at: int
    ) -> None:
        self.name = f"state {task}"
        self._app, self._source, self._routing = app, source, routing
        self._task, self._tables, self._now_ms = task, tables, at

    async def steps(self, start: int) -> AsyncIterator[Sequence[Step]]:
        """One step per row; the cursor counts them over all tables."""
        sizes = {
            size.table: size.rows for size in await self._source.tables() if size.task == self._task
        }
        before = 0
        for table in self._tables:
            number = max(start, before)
            if number < before + sizes[table]:
                async for piece in self._source.rows(self._task, table, number - before):
                    yield [
                        self._step(table, key, value, number + index)
                        for index, (key, value) in enumerate(piece, 1)
                    ]
                    number += len(piece)
            before += sizes[table]

    def _step(self, table: str, key: str, value: bytes, cursor: int) -> Step:
        home = self._routing.home(table, key)
        agent, partition = home or Home("", 0)
        record: Outgoing | None = (
            None if home is None else (changelog_key(table, key), value, [], self._now_ms)
        )
        return Step(cursor, (changelog_topic(self._app, agent), partition), record)
