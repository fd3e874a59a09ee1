"""Shelf: the stores of the tasks that this worker holds, kept warm from one assignment to the next.

A store that is held through a rebalance is brought up to date from its changelog like any other:
another worker may have had the partition in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final, cast

import structlog

from pipeline.domain.errors import StoreError
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import BulkReader
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.state.restore import Progress, changelogs, restore
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.state.standby import Standbys
from pipeline.hosts.faust.state.trust import Changelog
from pipeline.hosts.faust.stream.hosted import TaskStore
from pipeline.hosts.faust.stream.unbroken import unbroken

STATE: Final = "state"
"""The folder of all stores in a slot's folder."""

TELL_EVERY_S: Final = 5.0

_log: Final = structlog.get_logger("tocsin.takeover")


def open_store(setting: Setting, place: Place, log: Changelog, now_ms: int) -> TaskStore:
    """The store beneath one changelog partition, made where there is none."""
    if setting.store == "memory":
        return ChangelogMemory(log.first)
    topic, partition = place
    store = RocksStore.open(setting.folder / STATE / topic / str(partition), log, now_ms)
    if store.set_aside is not None:
        _log.warning("a store is built anew", set_aside=store.set_aside.name)
    return store


class Shelf:
    """The stores of one agent's tasks. `close` it when the worker stops."""

    def __init__(
        self, setting: Setting, agent: str, now_ms: Callable[[], int], standbys: Standbys | None
    ) -> None:
        self._setting = setting
        self._topic = setting.changelog(agent)
        self._now_ms = now_ms
        self._standbys = standbys
        self._stores: dict[int, TaskStore] = {}
        self._whole: set[int] = set()
        """Those that were brought to the end of their log, and are not being so now."""
        self._reader = BulkReader(setting.options)
        self._is_started = False
        self._told_at_s = 0.0

    async def restore(
        self, partitions: Collection[int], standbys: Collection[int]
    ) -> dict[int, TaskStore]:
        """The stores of these partitions, with all that is committed. Stores of other partitions
        are closed, or kept warm where they are `standbys`.

        It may be cancelled at any moment, and called again. Raises StoreError where the log cannot
        be read to its end.
        """
        for partition in [held for held in self._stores if held not in partitions]:
            await unbroken(self._let_go(partition, is_warm=partition in standbys))
        if not partitions:
            return {}
        if not self._is_started:
            await self._reader.start()
            self._is_started = True
        logs = await changelogs(self._reader, self._topic, sorted(partitions))
        return {partition: await self._one(partition, log) for partition, log in logs.items()}

    def touch(self) -> None:
        """Note that stores hold all of their log: one that was quiet for long would be taken for
        too old at its next start, and built anew. One that was not read to its end is as old as
        it says.
        """
        for partition in self._whole:
            self._stores[partition].touch(self._now_ms())

    async def close(self) -> None:
        """Close every store; their changelog has all that is in them."""
        with suppress(StoreError):
            self.touch()
        for store in self._stores.values():
            store.close()
        self._stores.clear()
        self._whole.clear()
        if self._is_started:
            await self._reader.stop()

    async def _one(self, partition: int, log: Changelog) -> TaskStore:
        self._whole.discard(partition)
        store = self._stores.get(partition)
        if store is None:
            store = await unbroken(self._hold(partition, log))
        await restore(self._reader, (self._topic, partition), store, self._now_ms(), self._tell)
        self._whole.add(partition)
        return store

    async def _hold(self, partition: int, log: Changelog) -> TaskStore:
        place = (self._topic, partition)
        store = await self._taken(place) or open_store(self._setting, place, log, self._now_ms())
        self._stores[partition] = store
        return store

    async def _let_go(self, partition: int, *, is_warm: bool) -> None:
        self._whole.discard(partition)
        store = self._stores.pop(partition)
        if self._standbys is not None and is_warm:
            await self._standbys.give((self._topic, partition), store)
        else:
            store.close()

    async def _taken(self, place: Place) -> TaskStore | None:
        """The store that a standby kept warm, if one did."""
        if self._standbys is None:
            return None
        return cast("TaskStore | None", await self._standbys.take(place))

    def _tell(self, progress: Progress) -> None:
        """Say how far a long restore has come."""
        now_s = time.monotonic()
        if progress.elapsed_s > TELL_EVERY_S and now_s - self._told_at_s > TELL_EVERY_S:
            self._told_at_s = now_s
            _log.info(
                "restoring",
                changelog=f"{progress.place[0]}-{progress.place[1]}",
                records=progress.records,
                records_per_s=int(progress.records_per_s),
                remaining_s=int(progress.remaining_s),
            )
