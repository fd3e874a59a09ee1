"""Hosted: one task with what the host keeps of it between two epochs; Batch: its next epoch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

import msgspec

from pipeline.domain.call import CallResult
from pipeline.domain.record import Record
from pipeline.engine import Effects, Task
from pipeline.engine.agent import RESULTS
from pipeline.hosts.faust.state.crashes import Advice
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.state.rocks import RocksStore

BATCH: Final = Advice()
"""What a task runs of which no crash is known."""

TaskStore = RocksStore | ChangelogMemory
"""A Store that knows its position in the changelog."""


class CrashBook(Protocol):
    """Who notes what runs, so that the next start knows what ended the process: a Slot."""

    def advice(self, task: str, offsets: Mapping[str, int]) -> Advice:
        """Whether the task runs a batch or a single event from here on, or buries one."""
        ...

    def begin(self, task: str, offsets: Mapping[str, int], event: str = "") -> None:
        """The task is about to run from these offsets on (`event`: one alone)."""
        ...

    def end(self, task: str) -> None:
        """The task ran."""
        ...

    def buried(self, task: str) -> None:
        """The dead letter of the event that was to be buried is committed."""
        ...


class Hosted:
    """A task that this worker owns.

    `following` is the next offset of each of its topics that no committed epoch has read: our own
    record, since a consumer's position runs ahead of it. `results` wait until they are committed.
    `crashes` notes what runs (None: nobody does).
    """

    def __init__(
        self,
        task: Task,
        store: TaskStore,
        following: dict[str, int],
        crashes: CrashBook | None = None,
    ) -> None:
        self.task = task
        self.store = store
        self.following = following
        self.crashes = crashes
        self.results: deque[Record] = deque()

    @property
    def partition(self) -> int:
        """The partition number of all of its topics."""
        return self.task.partition

    def advice(self) -> Advice:
        """Whether to run a batch or a single event next, or to bury one."""
        if self.crashes is None:
            return BATCH
        return self.crashes.advice(self.task.name, self.following)

    def queue(self, result: CallResult) -> None:
        """What a receiver answered enters the task's next epoch."""
        self.results.append(
            Record(
                topic=RESULTS,
                partition=self.partition,
                offset=0,
                key=result.key,
                value=msgspec.msgpack.encode(result),
                event=result,
            )
        )


def position(record: Record) -> str:
    """Where an event stands, as crash books note it."""
    return f"{record.topic}:{record.partition}:{record.offset}"


class Budget:
    """The CPU time that the batches of one epoch share."""

    __slots__ = ("left_us",)

    def __init__(self, cpu_us: float) -> None:
        self.left_us = cpu_us


class Batch:
    """What one task runs as its next epoch; it travels through Faust as one message.

    `records` are results first, then what was read. Where the epoch's `budget` is used up when
    its turn comes, it does not run and `is_postponed`.
    """

    def __init__(
        self,
        hosted: Hosted,
        records: Sequence[Record],
        now_ms: int,
        kind: Literal["batch", "single", "bury"] = "batch",
        budget: Budget | None = None,
    ) -> None:
        self.hosted = hosted
        self.records = records
        self.now_ms = now_ms
        self.kind = kind
        self.budget = budget
        self.is_postponed = False
        self.outcome: Effects | BaseException | None = None
        self.cpu_us = 0.0

    def run(self) -> None:
        """Run the task. What it raises is kept for the epoch: an agent that raises would be
        restarted by Faust, seconds later, with its message acknowledged.
        """
        if self.budget is not None and self.budget.left_us <= 0:
            self.is_postponed = True
            return
        hosted, started_ns = self.hosted, time.thread_time_ns()
        # Only a run that reads an event can die of one. Noted like it, a wake that ran well before
        # it would have its crashes forgotten, and the process would die of it for ever.
        reads = bool(self.records) and self.records[-1].topic != RESULTS
        task, crashes = hosted.task, hosted.crashes if reads else None
        event = position(self.records[0]) if self.kind == "single" and self.records else ""
        if crashes is not None:
            crashes.begin(task.name, hosted.following, event)
        try:
            self.outcome = (
                task.bury(self.records[0], self.now_ms)
                if self.kind == "bury"
                else task.run(self.records, self.now_ms)
            )
        except BaseException as error:  # noqa: BLE001  (the epoch decides what it means)
            self.outcome = error
        # What takes all memory ends the process as surely as what kills it.
        if crashes is not None and not isinstance(self.outcome, MemoryError):
            crashes.end(task.name)
        self.cpu_us = (time.thread_time_ns() - started_ns) / 1_000
        if self.budget is not None:
            self.budget.left_us -= self.cpu_us

    @property
    def ran(self) -> Effects:
        """What it wants done. Raises what the task raised."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is None:
            raise RuntimeError(f"{self.hosted.task.name}: acknowledged, and did not run")
        return self.outcome

    @property
    def has_effects(self) -> bool:
        """False where the wake that was due had been taken back and nothing else was read."""
        return bool(self.ran.events or self.records)

    def offsets(self, first_topic: str) -> dict[str, int]:
        """The offsets to commit: where it has read to, or, where only wakes or results ran, an
        offset of its own again, or the epoch would not be fenced.
        """
        read = {segment.topic: segment.end for segment in self.ran.journal.segments}
        return read or {first_topic: self.hosted.following[first_topic]}

    def committed(self) -> None:
        """The epoch is committed and in the store."""
        self.hosted.task.committed()
        if self.kind == "bury" and self.hosted.crashes is not None:
            self.hosted.crashes.buried(self.hosted.task.name)
        for segment in self.ran.journal.segments:
            self.hosted.following[segment.topic] = segment.end
        for _ in self.ran.journal.results:
            self.hosted.results.popleft()
