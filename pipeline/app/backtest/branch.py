"""Branch: one task that goes on by itself from a state that it was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.domain.record import Record
from pipeline.domain.store import Output, Store
from pipeline.engine import Agent, Effects, Globals, Task
from pipeline.engine.wakes import BY_TIME

_AT_DIGITS: Final = 15
LOOKED_AT_MAX: Final = 1_000
"""Timers that are looked at together: no epoch runs more of them either."""


class Branch:
    """A task, its state, and the globals that it looks up."""

    def __init__(self, agent: Agent, partition: int, store: Store, known: Globals) -> None:
        self.store = store
        self._partition = partition
        self._known = known
        self._task = Task(agent, partition, store, known, may_refuse=False)

    def change(self, agent: Agent) -> None:
        """Go on as another agent from the same state."""
        self._task = Task(agent, self._partition, self.store, self._known, may_refuse=False)

    def run(self, batch: Sequence[Record], now_ms: int) -> Sequence[Output]:
        """One epoch; what it puts out. Without a batch, and with nothing due, nothing happens."""
        effects = self._task.run(batch, now_ms)
        if not effects.events and not batch:
            self._task.rollback()
            return ()
        return self._commit(effects)

    def bury(self, record: Record, now_ms: int) -> Sequence[Output]:
        """One epoch that dead-letters a record unrun, as history did."""
        return self._commit(self._task.bury(record, now_ms))

    def own_timer_ms(self, before_ms: int, history: Store) -> int | None:
        """When the first timer before an instant is due that history does not have as well.

        Those that both have run when history ran them, however late that was.
        """
        if self._task.next_due_ms >= before_ms:
            return None
        return next((at for at, row in self._due(before_ms) if not history.get(BY_TIME, row)), None)

    def _due(self, before_ms: int) -> Iterator[tuple[int, str]]:
        end = f"{before_ms:0{_AT_DIGITS}d}"
        for row, _ in self.store.scan(BY_TIME, "", end, LOOKED_AT_MAX):
            yield int(row.partition("/")[0]), row

    def _commit(self, effects: Effects) -> Sequence[Output]:
        self.store.write(effects.changes, effects.checkpoint)
        self._task.committed()
        return effects.outputs
