"""Fetched: records that were fetched and not yet run, cut into the batches of the next epoch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from pipeline.domain.errors import StoreError
from pipeline.domain.record import Record
from pipeline.engine.agent import RESULTS
from pipeline.hosts.faust.stream.hosted import Batch, Budget, Hosted, position

EPOCH_RECORDS_MAX: Final = 2_000
EPOCH_BYTES_MAX: Final = 16 * 2**20
EPOCH_CPU_US: Final = 50_000
"""An epoch is bounded by records, bytes and, from what records cost lately, CPU time."""

EPOCH_RECORDS_MIN: Final = 50

EPOCH_CPU_US_MAX: Final = 250_000
"""Tasks whose turn would come later wait for the next epoch: after an outage each of a hundred may
have a thousand wakes due, and all of them at once would outlast the time of an epoch each time.
"""


class Fetched:
    """What waits per partition and topic. Bounded by one fetch: no other is begun before."""

    def __init__(self) -> None:
        self._waiting: dict[int, dict[str, deque[Record]]] = {}
        self.us_per_record = 25.0
        self._next: int | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def limit(self) -> int:
        """How many records the next epoch may read."""
        by_cpu = int(EPOCH_CPU_US / max(self.us_per_record, 1.0))
        return min(max(by_cpu, EPOCH_RECORDS_MIN), EPOCH_RECORDS_MAX)

    def add(self, records: Mapping[Any, Sequence[Record]]) -> None:
        """Take in a fetch: per topic and partition the records in order."""
        for place, some in records.items():
            if some:
                topics = self._waiting.setdefault(place.partition, {})
                topics.setdefault(place.topic, deque()).extend(some)

    def clear(self) -> None:
        """Forget all: the partitions are read again from what is committed."""
        self._waiting.clear()

    def put_back(self, batches: Sequence[Batch]) -> list[Batch]:
        """Keep what the postponed ones would have read; gives the others. Who had to wait comes
        first in the next epoch.
        """
        ran = [batch for batch in batches if not batch.is_postponed]
        self._next = None
        for batch in batches[::-1] if len(ran) < len(batches) else ():
            if batch.is_postponed:
                self._next = batch.hosted.partition
                for record in reversed(batch.records):
                    if record.topic != RESULTS:  # a task keeps its results until they are committed
                        topics = self._waiting.setdefault(record.partition, {})
                        topics.setdefault(record.topic, deque()).appendleft(record)
        return ran

    def learn(self, batches: Iterable[Batch]) -> None:
        """Remember what records cost."""
        for batch in batches:
            if batch.records and not batch.is_postponed:
                us = batch.cpu_us / len(batch.records)
                self.us_per_record += 0.2 * (us - self.us_per_record)

    def cut(self, tasks: Mapping[int, Hosted], now_ms: int) -> list[Batch]:
        """The batches of one epoch: one for each task with records, results or a due wake."""
        limit, size_bytes, budget = self.limit, EPOCH_BYTES_MAX, Budget(EPOCH_CPU_US_MAX)
        batches = []
        for partition in self._in_turn(tasks):
            hosted = tasks[partition]
            advice = hosted.advice()
            is_due = hosted.task.next_due_ms <= now_ms
            allowed = limit if advice.kind == "batch" else int(not is_due)
            records = list(islice(hosted.results, max(allowed, 0)))
            limit -= len(records)
            if size_bytes > 0:
                taken, taken_bytes = self._take(
                    partition, hosted, allowed - len(records), size_bytes
                )
                records += taken
                limit, size_bytes = limit - len(taken), size_bytes - taken_bytes
            if records or is_due:
                kind = advice.kind
                if kind == "bury" and [position(one) for one in records] != [advice.event]:
                    kind = "single"
                batches.append(Batch(hosted, records, now_ms, kind, budget))
        return batches

    def _in_turn(self, tasks: Mapping[int, Hosted]) -> list[int]:
        numbers = list(tasks)
        first = 0 if self._next is None or self._next not in tasks else numbers.index(self._next)
        return numbers[first:] + numbers[:first]

    def _take(
        self, partition: int, hosted: Hosted, limit: int, size_bytes_max: int
    ) -> tuple[list[Record], int]:
        """The way back before the way in, so that what people and receivers said is known before
        more is decided. A first record is taken however large it is.
        """
        topics = self._waiting.get(partition)
        records: list[Record] = []
        size_bytes = 0
        if topics is None:
            return records, size_bytes
        for topic in reversed(list(hosted.task.agent.reads)):
            waiting = topics.get(topic)
            if waiting and waiting[0].offset < hosted.following[topic]:
                raise StoreError(
                    f"{topic}-{partition} gives offset {waiting[0].offset}, and {hosted.task.name}"
                    f" has read it up to {hosted.following[topic]}: the topic was cut off or made"
                    " anew. To read it from its start, remove the agent's changelog topic too (the"
                    " state is lost then)"
                )
            while waiting and len(records) < limit and size_bytes < size_bytes_max:
                record = waiting.popleft()
                size_bytes += len(record.value or b"")
                records.append(record)
            if waiting is not None and not waiting:
                del topics[topic]
        if not topics:
            del self._waiting[partition]
        return records, size_bytes
