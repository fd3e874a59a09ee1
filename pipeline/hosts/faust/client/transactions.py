"""One epoch = one transaction: records, one offset commit fenced by the group, one end.

`EpochProducer` speaks the protocol itself, over aiokafka's connections and with its compiled batch
builder: aiokafka's producer commits transactions whose batches failed, fences by group name only,
resends EndTxn, and spends more time on a record's future than on the record. Each step is a
method of its own. The rules are those of infra/docs/exactly-once.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from pipeline.hosts.faust.client.batches import Batch, Outgoing, Place, sequence_after
from pipeline.hosts.faust.client.coordinators import Coordinators, Member
from pipeline.hosts.faust.client.errors import Abortable, Fatal, Late
from pipeline.hosts.faust.client.link import Link
from pipeline.hosts.faust.client.partitions import partition_of
from pipeline.hosts.faust.client.sending import Sending
from pipeline.hosts.faust.points import reached

__all__ = ["EpochProducer", "Member", "Outgoing", "Place"]

_log = logging.getLogger(__name__)
_START_S_MAX: Final = 60.0
"""What a start waits for a coordinator that is loading, or for a former transaction to end."""


class EpochProducer:
    """Commits epochs under one transactional id, which at most one process holds at a time.

    `options` are aiokafka's connection options. `transaction_timeout_ms` is how long the brokers
    leave an open transaction alone; half of it is what an epoch may take. A batch has at most
    `batch_bytes_max`, a record that is larger goes alone, and a request, so also a record, has at
    most `request_bytes_max` (the brokers' socket.request.max.bytes is 100 MiB).
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        transactional_id: str,
        *,
        transaction_timeout_ms: int,
        batch_bytes_max: int = 512 * 1024,
        request_bytes_max: int = 48 * 1024 * 1024,
    ) -> None:
        self.transactional_id = transactional_id
        self._epoch_s_max = transaction_timeout_ms / 2000
        patience_s = self._epoch_s_max / 2
        self._link = Link(options, request_timeout_ms=max(1000, transaction_timeout_ms // 4))
        self._coordinators = Coordinators(
            self._link, transactional_id, transaction_timeout_ms, patience_s
        )
        self._sending = Sending(
            self._link,
            transactional_id,
            batch_bytes_max=batch_bytes_max,
            request_bytes_max=request_bytes_max,
            patience_s=patience_s,
        )
        self._sequences: dict[Place, int] = {}
        """The next sequence of each partition under the present producer id and epoch."""
        self._is_open = False
        self._broken: Fatal | None = None

    async def start(self) -> None:
        """Take the transactional id: the former holder is fenced, its open transaction aborted."""
        try:
            async with asyncio.timeout(_START_S_MAX):
                await self._link.start()
                await self._take_id()
        except TimeoutError:
            raise Late(
                f"{self.transactional_id}: no coordinator answered within {_START_S_MAX:g} s"
            ) from None

    async def stop(self) -> None:
        """Close the connections; an open transaction is left to the next start to abort."""
        await self._link.stop()

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises UnknownTopic with its name."""
        return await self._link.partitions(topic, self._epoch_s_max)

    @staticmethod
    def partition(key: bytes, count: int) -> int:
        """The partition of a key among `count`, the same as every Kafka client's."""
        return partition_of(key, count)

    async def commit(
        self,
        records: Mapping[Place, Sequence[Outgoing]],
        offsets: Mapping[Place, int],
        member: Member,
    ) -> dict[Place, int]:
        """Commit records and offsets together; returns the offset of each partition's last record.

        `offsets` are what the group reads next, by topic and partition: at least one, since it is
        by them that an epoch is fenced. Raises Abortable or Refused when nothing is visible and
        the transaction is closed, and Fatal when this process has to end.
        """
        if not offsets:
            raise ValueError("an epoch without an offset could not be fenced")
        await self.abort()
        until_s = asyncio.get_running_loop().time() + self._epoch_s_max
        try:
            async with asyncio.timeout_at(until_s):
                written = await self._write(records, offsets, member)
        except TimeoutError:
            raise self._breaks(self._late()) from None
        except Fatal as error:
            self._breaks(error)
            raise
        except Exception:
            await self.abort()
            raise
        await self._finish(until_s)
        return written

    async def abort(self) -> None:
        """Abort what is open; nothing to do where nothing is. Raises Fatal where it cannot."""
        if self._broken is not None:
            raise self._broken
        if not self._is_open:
            return
        try:
            async with asyncio.timeout(self._epoch_s_max):
                await self._discard()
        except TimeoutError:
            raise self._breaks(self._late()) from None
        except Fatal as error:
            self._breaks(error)
            raise

    async def _write(
        self,
        records: Mapping[Place, Sequence[Outgoing]],
        offsets: Mapping[Place, int],
        member: Member,
    ) -> dict[Place, int]:
        """Everything but the end: data first, and offsets only once all of it is durable."""
        batches = self._build(records)
        reached("before-begin")
        self._begin(batches)
        reached("begun")
        await self._add_partitions(batches)
        reached("partition-added")
        batches = await self._append_beside(batches, self._add_offsets(member.group))
        self._check(batches)
        reached("sent")
        reached("before-offsets")
        await self._stage_offsets(offsets, member)
        reached("after-offsets")
        return {
            batch.place: offset for batch in batches if (offset := batch.last_offset) is not None
        }

    def _build(self, records: Mapping[Place, Sequence[Outgoing]]) -> list[Batch]:
        """The epoch's batches, each partition's in the order of its records."""
        writer = self._coordinators.writer
        return [
            batch
            for place, outgoing in records.items()
            for batch in self._sending.batches(
                writer, place, outgoing, self._sequences.get(place, 0)
            )
        ]

    def _begin(self, batches: Sequence[Batch]) -> None:
        """From here on sequences are taken, and there may be something to abort."""
        self._is_open = True
        for batch in batches:
            self._sequences[batch.place] = sequence_after(batch.sequence, len(batch.records))

    async def _add_partitions(self, batches: Sequence[Batch]) -> None:
        """Tell the coordinator, once, every partition that the epoch writes to."""
        await self._coordinators.add_partitions(batch.place for batch in batches)

    async def _append_beside(self, batches: Sequence[Batch], other: Awaitable[None]) -> list[Batch]:
        """Append, with another step beside it; both have come to an end when one raises."""
        sent, done = await asyncio.gather(self._append(batches), other, return_exceptions=True)
        if isinstance(sent, BaseException):
            raise sent
        if isinstance(done, BaseException):
            raise done
        return sent

    async def _append(self, batches: Sequence[Batch]) -> list[Batch]:
        """Send every batch and wait for its answer; what became of it is on the batch."""
        return await self._sending.send(batches)

    async def _add_offsets(self, group: str) -> None:
        """Tell the coordinator that offsets of the group are going to follow."""
        reached("before-add-offsets")
        await self._coordinators.add_offsets(group)
        reached("after-add-offsets")

    def _check(self, batches: Sequence[Batch]) -> None:
        """Raise unless every single batch was acknowledged: then only may offsets be staged."""
        for batch in batches:
            if batch.error is not None:
                raise batch.error
        for batch in batches:
            if batch.last_offset is None:
                raise Abortable(f"{batch.place[0]}: a batch was neither taken nor refused")

    async def _stage_offsets(self, offsets: Mapping[Place, int], member: Member) -> None:
        """Make the offsets part of the transaction, if the group still knows the member."""
        await self._coordinators.stage_offsets(offsets, member)

    async def _finish(self, until_s: float) -> None:
        """Commit what was written, or raise: Abortable if it is not visible, Fatal if unknown."""
        try:
            async with asyncio.timeout_at(until_s):
                reached("before-end")
                await self._end(is_committed=True)
                reached("ended")
        except TimeoutError:
            raise self._breaks(self._coordinators.unknown()) from None
        except Fatal as error:
            self._breaks(error)
            raise
        except asyncio.CancelledError:
            self._breaks(self._coordinators.unknown())
            raise
        except Exception:
            await self.abort()
            raise

    async def _end(self, *, is_committed: bool) -> None:
        """End the transaction; a new epoch in the answer counts its sequences from 0."""
        writer = self._coordinators.writer
        await self._coordinators.end(is_committed=is_committed)
        self._is_open = False
        if self._coordinators.writer != writer:
            self._sequences.clear()

    async def _discard(self) -> None:
        """Abort, and be sure of a new epoch: it fences whatever is still on its way."""
        writer = self._coordinators.writer
        try:
            await self._end(is_committed=False)
        except Abortable as error:
            _log.debug("nothing to abort: %s", error)
        if self._coordinators.writer == writer:
            await self._take_id()

    async def _take_id(self) -> None:
        """Take a new epoch of the transactional id; its sequences count from 0."""
        await self._coordinators.take_id()
        self._sequences.clear()
        self._is_open = False

    def _late(self) -> Late:
        return Late(f"{self.transactional_id}: no commit within {self._epoch_s_max:g} s")

    def _breaks(self, error: Fatal) -> Fatal:
        """From here on every commit raises this: a process that has to end commits nothing more."""
        self._broken = self._broken or error
        return error
