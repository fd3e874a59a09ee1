"""Tables: the tables of our tasks as Faust shows them, read-only; and who looks after them.

A stage changes its tables in an epoch; anybody else may look. Faust's own changelogs, standbys and
recovery have no part in it: `takeover` restores tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn

import faust
from faust.tables.manager import TableManager
from faust.types import TP

from pipeline.domain.errors import UsageError
from pipeline.hosts.faust.stream.takeover import Takeover

ONLY_STAGES: Final = "only the stage that owns a table changes it, in an epoch"


class TaskTable(faust.Table):  # type: ignore[type-arg]
    """One table over all the partitions that this worker owns, committed rows decoded."""

    @property
    def _owners(self) -> Iterator[Any]:
        for hosted in self.app.epochs.tasks.values():  # type: ignore[attr-defined]
            if hosted.task.has_table(self.name):
                yield hosted.task

    def __getitem__(self, key: Any) -> Any:
        for task in self._owners:
            found = task.rows(self.name, key).get(key)
            if found is not None:
                return found
        raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        return any(key in task.rows(self.name, key) for task in self._owners)

    def __iter__(self) -> Iterator[str]:
        for task in self._owners:
            yield from task.rows(self.name)

    def __len__(self) -> int:
        return sum(len(task.rows(self.name)) for task in self._owners)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise UsageError(f"{self.name}: {ONLY_STAGES}")

    def __delitem__(self, key: Any) -> NoReturn:
        raise UsageError(f"{self.name}: {ONLY_STAGES}")


class TaskTables(TableManager):
    """Faust's table manager with a Takeover as its recovery.

    Overrides of faust.tables.manager.TableManager (0.15.3): `add` (no changelog topic of Faust's),
    `on_start` (no pause of a second), `recovery`, `on_rebalance`, `on_partitions_revoked`,
    `on_stop`.
    """

    def add(self, table: Any) -> Any:
        """Register a table by its name."""
        self[table.name] = table
        return table

    async def on_start(self) -> None:
        """Nothing of Faust's is to be read before partitions are assigned."""
        self._tables_finalized.set()
        self._tables_registered.set()
        await self.recovery.start()

    async def on_stop(self) -> None:
        """Stop fetching, then close the tasks' stores."""
        await self.app._fetcher.stop()  # type: ignore[attr-defined]  # noqa: SLF001
        await self.recovery.stop()

    @property
    def recovery(self) -> Any:
        """What restores the tasks of an assignment: a Takeover."""
        if self._recovery is None:
            made: Any = Takeover(self.app, beacon=self.beacon, loop=self.loop)
            self._recovery = made
        return self._recovery

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Tell the takeover that what it holds is given up."""
        self.recovery.on_partitions_revoked(revoked)

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Begin the takeover of what is assigned; the join does not wait for it."""
        self._recovery_started.set()
        await self.recovery.on_rebalance(assigned, revoked, newly_assigned, generation_id)
