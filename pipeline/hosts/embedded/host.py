"""EmbeddedHost: all tasks of a topology over one SQLite database, one transaction per step.

A step appends what came in, runs each task once in stream order (so that an alert can become a
call within one step) and commits inputs' offsets, outputs, changes, wakes and journal together.
It is synchronous and owns no thread: the runner drives it with the real clock, the driver of
the stories with a virtual one.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from pipeline.codec import encode
from pipeline.domain.call import CallResult
from pipeline.domain.errors import EpochRefused, UsageError
from pipeline.domain.record import Record
from pipeline.domain.stage import Event
from pipeline.domain.store import Output
from pipeline.engine import Agent, Effects, Globals, Task
from pipeline.engine.agent import JOURNAL, RESULTS
from pipeline.hosts.embedded.database import guarded
from pipeline.hosts.embedded.log import SqliteLog
from pipeline.hosts.embedded.store import SqliteStore

EPOCH_RECORDS_MAX: Final = 2_000
EPOCH_BYTES_MAX: Final = 16 * 2**20
EPOCH_CPU_US: Final = 50_000
"""An epoch is bounded by records, bytes and, from what records cost lately, CPU time."""

EPOCH_RECORDS_MIN: Final = 50
HALT_MS: Final = 15_000
"""A task whose epoch was refused is tried again after so long; its input waits."""

Watcher = Callable[[str, Mapping[str, Any]], None]
"""Called with a task's name and its changed rows of one table (None: deleted), committed."""

Listener = Callable[[Sequence[Effects], float], None]
"""Called after each commit with its epochs and how long it took as a whole, in seconds."""

_log: Final = structlog.get_logger("tocsin.host")


class Running(msgspec.Struct):
    """One task with what the host keeps about it."""

    task: Task
    store: SqliteStore
    results: deque[Record]
    us_per_record: float = 25.0
    halted_until_ms: int = 0
    halted_why: str = ""


class EmbeddedHost:
    """The tasks of one database. `step` is the only way anything changes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        agents: Sequence[Agent],
        *,
        topics: Iterable[str],
        globals_: Mapping[str, type[Event]],
        now_ms: Callable[[], int],
        partitions: int = 1,
    ) -> None:
        self._db = connection
        self._now_ms = now_ms
        self._watchers: dict[str, list[Watcher]] = {}
        self.listeners: list[Listener] = []
        self.log = SqliteLog(connection)
        for topic in (*topics, JOURNAL):
            self.log.declare(topic, partitions)
        self.globals = Globals(globals_)
        self._look_up()
        self._running = [
            self._prepare(agent, partition) for agent in agents for partition in range(partitions)
        ]
        # A clock that went back while nothing ran must not take the epochs or the log with it.
        self._last_ms = max((r.task.checkpoint.now_ms for r in self._running), default=0)

    def _prepare(self, agent: Agent, partition: int) -> Running:
        store = SqliteStore(self._db, f"{agent.name}-{partition}")
        return Running(Task(agent, partition, store, self.globals), store, deque())

    def watch(self, table: str, watcher: Watcher) -> None:
        """Be told of each committed change of a table, and now of all its rows."""
        self._watchers.setdefault(table, []).append(watcher)
        for running in self._running:
            if running.task.has_table(table):
                watcher(running.task.name, running.task.rows(table))

    def inject(self, task: str, result: CallResult) -> None:
        """Queue what a delivery loop brought back; it stays queued until it is committed."""
        value = msgspec.msgpack.encode(result)
        for running in self._running:
            if running.task.name == task:
                running.results.append(
                    Record(
                        topic=RESULTS,
                        partition=running.task.partition,
                        offset=0,
                        key=result.key,
                        value=value,
                        event=result,
                    )
                )

    def step(self, appends: Sequence[Output] = ()) -> tuple[list[tuple[str, int, int]], bool]:
        """Append, run each task once, commit. Gives the positions and whether more is waiting.

        Raises Busy or StoreError where nothing could be committed: then nothing has changed.
        """
        now_ms = self._last_ms = max(self._now_ms(), self._last_ms)
        started_s = time.perf_counter()
        done: list[tuple[Running, list[Record], Effects]] = []
        with guarded():
            self._db.execute("BEGIN IMMEDIATE")
        try:
            positions = self.log.append(appends, now_ms)
            for running in self._running:
                self._run(running, now_ms, done)
            with guarded():
                self._db.execute("COMMIT")
        except BaseException:
            self._roll_back(done)
            raise
        self._committed(done)
        self._tell([effects for _, _, effects in done], time.perf_counter() - started_s)
        return positions, self._is_more_waiting(now_ms)

    @property
    def last_ms(self) -> int:
        """The time of the last step; before the first one, of the last epoch on the disk."""
        return self._last_ms

    def replace_agents(self, agents: Sequence[Agent]) -> None:
        """Go on under other rules from the same state. Call it between two steps."""
        results = {running.task.name: running.results for running in self._running}
        partitions = 1 + max(running.task.partition for running in self._running)
        self._running = [self._prepare(a, p) for a in agents for p in range(partitions)]
        for running in self._running:
            running.results = results.get(running.task.name, running.results)

    def owner(self, table: str) -> str:
        """The name of the task that owns a table. Raises UsageError where none does."""
        for running in self._running:
            if running.task.has_table(table):
                return running.task.name
        raise UsageError(f"no stage owns a table {table!r}")

    def next_due_ms(self) -> int:
        """When the next wake of any task is due, or a task that was halted is tried again."""
        return min(r.halted_until_ms if r.halted_why else r.task.next_due_ms for r in self._running)

    def halted(self) -> dict[str, str]:
        """The tasks that stopped because too many events raise, with the reason."""
        return {r.task.name: r.halted_why for r in self._running if r.halted_why}

    def holds_results(self) -> bool:
        """Whether results wait for an epoch of a task that is not halted."""
        return any(r.results and r.halted_until_ms <= self._last_ms for r in self._running)

    def lag(self) -> dict[str, int]:
        """Records that each task has yet to read."""
        return {r.task.name: sum(self._behind(r).values()) for r in self._running}

    def tasks(self) -> list[Task]:
        """The tasks in stream order."""
        return [running.task for running in self._running]

    def _run(
        self,
        running: Running,
        now_ms: int,
        done: list[tuple[Running, list[Record], Effects]],
    ) -> None:
        task = running.task
        if running.halted_until_ms > now_ms:
            return
        batch = self._batch(running)
        if not batch and task.next_due_ms > now_ms:
            running.halted_why = ""
            return
        started = time.thread_time_ns()
        try:
            effects = task.run(batch, now_ms)
        except EpochRefused as refused:
            running.halted_until_ms = now_ms + HALT_MS
            running.halted_why = str(refused)
            return
        running.halted_why = ""
        if not effects.events and not batch:
            task.rollback()  # the wake that was due had been taken back
            return
        done.append((running, batch, effects))
        self.log.append(
            [
                *effects.outputs,
                Output(topic=JOURNAL, key=task.name, value=encode(effects.journal)),
            ],
            now_ms,
            task.partition,
        )
        running.store.write(effects.changes, effects.checkpoint)
        if batch:
            us = (time.thread_time_ns() - started) / 1_000 / len(batch)
            running.us_per_record += 0.2 * (us - running.us_per_record)

    def _batch(self, running: Running) -> list[Record]:
        """What the task reads next: results first, then its topics, the way back before the
        way in, so that what people and receivers said is known before more is decided.
        """
        limit = int(EPOCH_CPU_US / max(running.us_per_record, 1.0))
        limit = min(max(limit, EPOCH_RECORDS_MIN), EPOCH_RECORDS_MAX)
        batch = [running.results[n] for n in range(min(limit, len(running.results)))]
        size_bytes = 0
        task = running.task
        for topic in reversed(list(task.agent.reads)):
            if topic not in self.log.topics() or len(batch) >= limit:
                continue
            offset = task.checkpoint.offsets.get(f"{topic}:{task.partition}", 0)
            for record in self.log.ahead(topic, task.partition, offset, limit - len(batch)):
                size_bytes += len(record.value or b"")
                if size_bytes > EPOCH_BYTES_MAX and batch:
                    return batch
                batch.append(record)
        return batch

    def _behind(self, running: Running) -> dict[str, int]:
        task = running.task
        return {
            topic: self.log.part(topic, task.partition).following
            - task.checkpoint.offsets.get(f"{topic}:{task.partition}", 0)
            for topic in task.agent.reads
            if topic in self.log.topics()
        }

    def _is_more_waiting(self, now_ms: int) -> bool:
        return any(
            running.halted_until_ms <= now_ms
            and (
                running.results
                or any(self._behind(running).values())
                or running.task.next_due_ms <= now_ms
            )
            for running in self._running
        )

    def _committed(self, done: list[tuple[Running, list[Record], Effects]]) -> None:
        for running, batch, _ in done:
            for record in batch:
                if record.topic == RESULTS:
                    running.results.popleft()
            running.task.committed()
        self._look_up()
        self.log.committed()

    def _look_up(self) -> None:
        """Take in what was committed to the globals, whoever wrote it."""
        for topic, version in self.globals.versions.items():
            following = self.log.part(topic, 0).following
            if version < following:
                for record in self.log.ahead(topic, 0, version, following - version):
                    self.globals.apply(record)
                # Compaction may have taken the last records: what they said is not there to see.
                self.globals.versions[topic] = following

    def _tell(self, epochs: list[Effects], took_s: float) -> None:
        """Tell watchers and listeners. What they do cannot undo a commit: a failure is said, and
        the others are told all the same.
        """
        calls: list[Callable[[], None]] = [
            partial(watcher, effects.task, rows)
            for effects in epochs
            for table, rows in effects.touched.items()
            for watcher in self._watchers.get(table, ())
        ]
        calls += [partial(listener, epochs, took_s) for listener in self.listeners]
        for call in calls:
            try:
                call()
            except Exception:  # noqa: BLE001
                _log.exception("what follows a commit fails")

    def _roll_back(self, done: list[tuple[Running, list[Record], Effects]]) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            for running, _, _ in done:
                running.task.rollback()
            for running in self._running:
                running.store.forget_ids()
            self.log.refresh()
        except Exception as error:
            # Memory and disk differ from here on: only a new start brings them together.
            raise RuntimeError(f"an epoch could not be rolled back: {error}") from error
