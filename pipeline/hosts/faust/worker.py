"""Worker: the agents of one process, each inside its own Faust App, over one slot.

Crash only: whatever ends a part of it on its own ends the process, and the next start takes over
from what is committed. `ended` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from math import isfinite
from typing import Any, Final

import structlog

from pipeline.domain.call import CallResult
from pipeline.engine import Agent, Effects, Globals
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.check import AIOKAFKA, check
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.globals import GlobalReader
from pipeline.hosts.faust.state.restore import ChangelogStore
from pipeline.hosts.faust.state.standby import Standbys
from pipeline.hosts.faust.state.trust import Changelog
from pipeline.hosts.faust.stream.app import AgentApp
from pipeline.hosts.faust.stream.check import FAUST, MODE
from pipeline.hosts.faust.stream.hosted import CrashBook
from pipeline.hosts.faust.stream.shelf import open_store
from pipeline.hosts.steady import steady_s

Listener = Callable[[Sequence[Effects], float], None]
"""Called after each commit with its epochs and how long it took as a whole, in seconds."""

Watcher = Callable[[str, Mapping[str, Any]], None]
"""Called with a task's name and its changed rows of one table (None: deleted), committed."""

TOUCH_EVERY_S: Final = 3_600.0
"""Stores say so often that they are up to date, also where nothing is written."""

WATCH_EVERY_S: Final = 1.0
"""So often it is looked whether the threads of globals and standbys run: nothing else may ask."""

_log = structlog.get_logger("tocsin.worker")


class Worker:
    """Runs agents on Kafka. All of its methods belong to the event loop it was started on.

    `crashes` notes what runs: an event that ends the process each time is dead-lettered for that.
    """

    def __init__(
        self,
        setting: Setting,
        agents: Sequence[Agent],
        now_ms: Callable[[], int],
        crashes: CrashBook | None = None,
    ) -> None:
        self.crashes = crashes
        self.setting = setting
        self.globals = Globals(setting.globals)
        self.now_ms = now_ms
        self.apps = {agent.name: AgentApp(agent, setting, self) for agent in agents}
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.listeners: list[Listener] = []
        self.standbys = self._new_standbys()
        self._duties: list[asyncio.Task[None]] = []
        self._warm: dict[str, list[Place]] = {}
        self._reader = GlobalReader(setting.options, list(setting.globals))
        self._watchers: dict[str, list[Watcher]] = {}
        self._on_revoked: list[Callable[[str], None]] = []
        for app in self.apps.values():
            app.epochs.listeners.append(self._tell)

    async def start(self) -> None:
        """Take the globals in, join the groups and take over what is assigned.

        Ends when each agent has its first assignment. Raises what speaks against it.
        """
        check(AIOKAFKA, FAUST, MODE)
        await self._reader.start()
        self.prepare()
        if self.standbys is not None:
            await self.standbys.start()
        self._take_on(self._watch())
        started = asyncio.gather(*(app.start() for app in self.apps.values()))
        waited: list[asyncio.Future[Any]] = [self.ended, started]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if self.ended.done():
            self.ended.result()
        started.result()
        self._take_on(self._touch())

    async def settle(self, within_s: float) -> bool:
        """Wait until what receivers answered is committed; whether that was so in time."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while any(app.epochs.is_waiting for app in self.apps.values()):
            if loop.time() > until_s or self.ended.done():
                return False
            await asyncio.sleep(0.01)
        return True

    async def stop(self, *, is_leaving: bool = False) -> None:
        """Let open epochs end. The partitions wait for the next process of this slot, or, if it
        `is_leaving`, go to the other workers at once.
        """
        for duty in self._duties:
            duty.cancel()
        for app in self.apps.values():
            async with app.epochs.quiet():
                if is_leaving:
                    await app.consumer._thread.leave()  # type: ignore[attr-defined]  # noqa: SLF001
        await asyncio.gather(*(app.stop() for app in self.apps.values()))
        await self._reader.stop()
        if self.standbys is not None:
            await self.standbys.stop()

    def watch(self, table: str, watcher: Watcher) -> None:
        """Be told of each committed change of a table."""
        self._watchers.setdefault(table, []).append(watcher)

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """Be told, with the agent's name, that its tasks may soon be another worker's."""
        self._on_revoked.append(listener)

    def inject(self, task: str, result: CallResult) -> None:
        """Queue what a delivery loop brought back; dropped where the task is no longer ours."""
        agent, _, partition = task.rpartition("-")
        self.apps[agent].epochs.inject(int(partition), result)

    def lease_s(self, agent: str) -> float:
        """For how long this worker is sure to own the agent's tasks: one that was paused, or
        slept with its machine, wakes with a lease that has run out. Negative where it has.
        """
        app = self.apps[agent]
        heard_at_s: float = app.consumer._thread.client.last_heartbeat_at_s  # type: ignore[attr-defined]  # noqa: SLF001
        return self.setting.session_timeout_ms / 1_000 - (steady_s() - heard_at_s)

    def lag(self) -> dict[str, int]:
        """At most so many records that each task has yet to read; a task of which that is not
        known, as in a rebalance, is left out.
        """
        found = {
            hosted.task.name: [
                app.consumer._thread.lag((topic, number), following)  # type: ignore[attr-defined]  # noqa: SLF001
                for topic, following in hosted.following.items()
            ]
            for app in self.apps.values()
            for number, hosted in app.epochs.tasks.items()
        }
        return {task: sum(lags) for task, lags in found.items() if None not in lags}

    def standby_lag_s(self) -> dict[str, float]:
        """For how long each warm copy of another worker's task has not been complete."""
        if self.standbys is None:
            return {}
        agents = {self.setting.changelog(name): name for name in self.apps}
        return {
            f"{agents[topic]}-{partition}": lag.seconds
            for (topic, partition), lag in self.standbys.lags().items()
        }

    def globals_lag_s(self) -> dict[str, float]:
        """For how long the end of each global was not seen; one not read yet is left out."""
        return {topic: lag for topic, lag in self._reader.lags_s().items() if isfinite(lag)}

    def next_due_ms(self) -> int:
        """When the next wake of any task is due."""
        return min((app.epochs.next_due_ms() for app in self.apps.values()), default=2**62)

    def complaints(self) -> list[str]:
        """What speaks against counting on this worker, as sentences."""
        found = [
            f"{name} has no assignment yet"
            for name, app in self.apps.items()
            if not app.tables.recovery.completed.is_set() or app.rebalancing  # type: ignore[attr-defined]
        ]
        if self.ended.done():
            found.append("a part of the worker has ended")
        if not self._reader.is_current:
            behind_s = max(self._reader.lags_s().values())
            how = f"{behind_s:.0f} s behind" if isfinite(behind_s) else "not read yet"
            found.append(f"silences, services or changes are {how}")
        return found

    def prepare(self) -> None:
        """Take in what was committed to the globals."""
        for record in self._reader.drain():
            if not self.globals.apply(record):
                _log.error(
                    "a record of a global cannot be read and is passed over",
                    topic=record.topic,
                    key=record.key,
                    offset=record.offset,
                )

    async def keep_warm(self, agent: str, partitions: Collection[int]) -> None:
        """Keep the stores of these partitions of the agent warm, and no others of it."""
        if self.standbys is not None:
            topic = self.setting.changelog(agent)
            self._warm[agent] = [(topic, partition) for partition in sorted(partitions)]
            await self.standbys.follow(place for places in self._warm.values() for place in places)

    def revoked(self, agent: str) -> None:
        """The agent's tasks are given up."""
        for listener in self._on_revoked:
            listener(agent)

    def fail(self, error: BaseException) -> None:
        """End with this error."""
        if not self.ended.done():
            _log.error("a part of the worker ends", error=f"{type(error).__name__}: {error}")
            self.ended.set_exception(error)

    async def _touch(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_EVERY_S)
            for app in self.apps.values():
                async with app.epochs.paused():
                    app.tables.recovery.touch()  # type: ignore[attr-defined]

    async def _watch(self) -> None:
        while True:
            self._reader.check()
            if self.standbys is not None:
                self.standbys.check()
            await asyncio.sleep(WATCH_EVERY_S)

    def _take_on(self, duty: Coroutine[Any, Any, None]) -> None:
        """Do it beside everything else until `stop`; what it raises ends the worker."""
        task = asyncio.create_task(duty)
        task.add_done_callback(self._ended_duty)
        self._duties.append(task)

    def _ended_duty(self, duty: asyncio.Task[None]) -> None:
        if not duty.cancelled() and (error := duty.exception()) is not None:
            self.fail(error)

    def _new_standbys(self) -> Standbys | None:
        if not self.setting.standbys:
            return None

        def opened(place: Place, log: Changelog) -> ChangelogStore:
            return open_store(self.setting, place, log, self.now_ms())

        return Standbys(self.setting.options, opened, self.now_ms)

    def _tell(self, epochs: Sequence[Effects], took_s: float) -> None:
        for effects in epochs:
            for table, rows in effects.touched.items():
                for watcher in self._watchers.get(table, ()):
                    watcher(effects.task, rows)
        for listener in self.listeners:
            listener(epochs, took_s)
