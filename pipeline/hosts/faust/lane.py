"""Lane: the records of one partition on their way, one batch at a time, in the order they came.

A batch keeps its sequence while it is tried again, so that the broker knows it and takes it once.
One that is given up may be on the log or not: its lane begins anew under another producer id.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from msgspec import Struct, field

from pipeline.domain.errors import StoreError
from pipeline.hosts.faust.client.batches import sequence_after

Place: TypeAlias = tuple[str, int, int]
"""Topic, partition, offset."""

Payload: TypeAlias = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]], int]
"""Key, value, headers, timestamp in ms."""

_MAGIC: Final = 2
_UNCOMPRESSED: Final = 0
_NOT_TRANSACTIONAL: Final = 0


class Request(Struct, eq=False, kw_only=True):
    """What was asked to be appended together: done when the last of its records has its place."""

    future: asyncio.Future[list[Place]]
    places: list[Place]
    left: int
    asked_at_s: float

    def landed(self, index: int, place: Place) -> None:
        """One of its records is durable."""
        self.places[index] = place
        self.left -= 1
        if self.left == 0 and not self.future.done():
            self.future.set_result(self.places)

    def fail(self, error: StoreError) -> None:
        """It is refused; those of its records that are in no batch yet will never be."""
        if not self.future.done():
            self.future.set_exception(error)


Slot: TypeAlias = tuple[Payload, Request, int]
"""A record, the request that it belongs to, and its index there."""


class Batch(Struct, eq=False, frozen=True):
    """Records that the broker appends together or not at all."""

    slots: list[Slot]
    buffer: bytearray
    asked_at_s: float
    """When the oldest of its requests was asked."""


class Lane(Struct, eq=False, kw_only=True):
    """One partition. `producer` is (id, epoch) once it has one; `why` says why its batch is tried
    again, and `again_at_s` from when on.
    """

    topic: str
    partition: int
    waiting: deque[Slot] = field(default_factory=deque)
    batch: Batch | None = None
    producer: tuple[int, int] | None = None
    sequence: int = 0
    is_under_way: bool = False
    again_at_s: float = 0.0
    why: str = ""

    @property
    def has_work(self) -> bool:
        """Whether something is to be sent."""
        return self.batch is not None or bool(self.waiting)

    def fill(self, size_bytes_max: int) -> Batch | None:
        """The batch to be sent next: the one that is tried again, or a new one of what waits."""
        if self.batch is not None or self.producer is None:
            return self.batch
        builder = DefaultRecordBatchBuilder(
            _MAGIC,
            _UNCOMPRESSED,
            _NOT_TRANSACTIONAL,
            *self.producer,
            self.sequence,
            size_bytes_max,
        )
        slots: list[Slot] = []
        waiting = self.waiting
        while waiting:
            (key, value, headers, timestamp_ms), request, _ = waiting[0]
            if not request.future.done():
                if builder.append(len(slots), timestamp_ms, key, value, headers) is None:
                    break
                slots.append(waiting[0])
            waiting.popleft()
        if slots:
            asked_at_s = min(request.asked_at_s for _, request, _ in slots)
            self.batch = Batch(slots, builder.build(), asked_at_s)
        return self.batch

    def forget_what_is_over(self) -> None:
        """Let go of what waits longest for requests that were answered already."""
        while self.waiting and self.waiting[0][1].future.done():
            self.waiting.popleft()

    def landed(self, first: int) -> None:
        """The batch is durable, from this offset on (-1: the broker does not know it any more)."""
        slots = self.batch.slots if self.batch is not None else []
        for number, (_, request, index) in enumerate(slots):
            offset = first + number if first >= 0 else first
            request.landed(index, (self.topic, self.partition, offset))
        self.sequence = sequence_after(self.sequence, len(slots))
        self.batch = None
        self.why = ""

    def give_up(self, error: StoreError) -> None:
        """Try the batch no more, and refuse all that is in it."""
        if self.batch is not None:
            for _, request, _ in self.batch.slots:
                request.fail(error)
        self.batch = None
        self.producer = None
        self.sequence = 0

    def refuse(self, error: StoreError) -> None:
        """Refuse the batch and all that waits behind it."""
        self.give_up(error)
        for _, request, _ in self.waiting:
            request.fail(error)
        self.waiting.clear()
