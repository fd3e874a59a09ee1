"""Hosted: one task with what the host keeps of it between two epochs; Batch: its next epoch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import msgspec

from pipeline.domain.call import CallResult
from pipeline.domain.record import Record
from pipeline.engine import Effects, Task
from pipeline.engine.agent import RESULTS
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.state.rocks import RocksStore

TaskStore = RocksStore | ChangelogMemory
"""A Store that knows its position in the changelog."""


class Hosted:
    """A task that this worker owns.

    `following` is the next offset of each of its topics that no committed epoch has read: our own
    record, since a consumer's position runs ahead of it. `results` wait until they are committed.
    """

    def __init__(self, task: Task, store: TaskStore, following: dict[str, int]) -> None:
        self.task = task
        self.store = store
        self.following = following
        self.results: deque[Record] = deque()
        self.is_single = False

    @property
    def partition(self) -> int:
        """The partition number of all of its topics."""
        return self.task.partition

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


class Batch:
    """What one task runs as its next epoch; it travels through Faust as one message."""

    def __init__(self, hosted: Hosted, records: Sequence[Record], now_ms: int) -> None:
        self.hosted = hosted
        self.records = records
        self.now_ms = now_ms
        self.outcome: Effects | BaseException | None = None
        self.cpu_us = 0.0

    def run(self) -> None:
        """Run the task. What it raises is kept for the epoch: an agent that raises would be
        restarted by Faust, seconds later, with its message acknowledged.
        """
        started_ns = time.thread_time_ns()
        try:
            self.outcome = self.hosted.task.run(self.records, self.now_ms)
        except BaseException as error:  # noqa: BLE001  (the epoch decides what it means)
            self.outcome = error
        self.cpu_us = (time.thread_time_ns() - started_ns) / 1_000

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
        for segment in self.ran.journal.segments:
            self.hosted.following[segment.topic] = segment.end
        for _ in self.ran.journal.results:
            self.hosted.results.popleft()
