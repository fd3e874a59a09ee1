"""Sending: an epoch's batches to the leaders of their partitions, in order, until each is settled.

A partition has one batch on its way at a time, so a batch that is sent again can neither overtake
its successor nor be taken twice: the broker knows it by its sequence. Every partition's next batch
goes in the same round, one request per leader.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from pipeline.hosts.faust.client import codes
from pipeline.hosts.faust.client.batches import Batch, Outgoing, Place, Writer
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.client.errors import Abortable, ClientError, Fenced, Refused, UnknownTopic
from pipeline.hosts.faust.client.link import UNANSWERED, Link, Patience
from pipeline.hosts.faust.client.packing import Said, produce
from pipeline.hosts.faust.points import reached

_log = logging.getLogger(__name__)
_OVERHEAD_BYTES: Final = 4096
"""What a request has beside its batches, generously."""
_BATCH_BYTES_MIN: Final = 1024


class Sending:
    """How batches get into the log. One object per producer: it remembers what topics take."""

    def __init__(
        self,
        link: Link,
        transactional_id: str,
        *,
        batch_bytes_max: int,
        request_bytes_max: int,
        patience_s: float,
    ) -> None:
        self._link = link
        self._transactional_id = transactional_id
        self._batch_bytes_max = batch_bytes_max
        self._room_bytes = request_bytes_max - _OVERHEAD_BYTES
        self._patience_s = patience_s
        self._smaller: dict[str, int] = {}
        """Topics whose brokers found a batch too large, and the size used for them since."""

    def batches(
        self, writer: Writer, place: Place, records: Sequence[Outgoing], sequence: int
    ) -> list[Batch]:
        """The records of one partition in batches; raises Refused where one fits no request."""
        size_bytes_max = self._smaller.get(place[0], self._batch_bytes_max)
        made = writer.batches(place, records, sequence, size_bytes_max)
        for batch in made:
            if len(batch.buffer) > self._room_bytes:
                raise Refused(
                    place[0],
                    f"a record of {len(batch.buffer)} bytes, and a request holds "
                    f"{self._room_bytes}",
                )
        return made

    async def send(self, batches: Sequence[Batch]) -> list[Batch]:
        """Send until each batch is acknowledged, or one is refused: then the epoch is lost anyway.

        Returns the batches as they were sent (some may have been halved), each with `last_offset`,
        with `error`, or with neither where it was not tried any more.
        """
        round_ = _Rounds(batches, asyncio.get_running_loop().time() + self._patience_s)
        patience = Patience()
        while round_.queues and not round_.is_refused:
            round_.is_stale = round_.has_to_wait = False
            requests = self._requests(round_)
            answers = await asyncio.gather(
                *(self._produce(round_, node, together) for node, together in requests)
            )
            for answer in answers:
                for batch, code, offset in answer:
                    self._settle(round_, batch, code, offset)
            if round_.is_stale:
                await self._link.refresh()
            if round_.has_to_wait:
                await patience.wait()
        return round_.settled + [batch for queue in round_.queues.values() for batch in queue]

    def _requests(self, round_: _Rounds) -> list[tuple[int, list[Batch]]]:
        """The next batch of every partition, by leader, in requests that are not too large."""
        requests: list[tuple[int, list[Batch]]] = []
        filling: dict[int, tuple[list[Batch], int]] = {}
        for place, queue in list(round_.queues.items()):
            batch = queue[0]
            leader = self._link.leader(*place)
            if leader is None:
                self._settle(round_, batch, Code.UNKNOWN_TOPIC_OR_PARTITION, -1)
                continue
            together, size_bytes = filling.get(leader, ([], 0))
            size_bytes += len(batch.buffer)
            if not together or size_bytes > self._room_bytes:
                together, size_bytes = [], len(batch.buffer)
                requests.append((leader, together))
            together.append(batch)
            filling[leader] = (together, size_bytes)
        return requests

    async def _produce(
        self, round_: _Rounds, node: int, together: Sequence[Batch]
    ) -> list[tuple[Batch, int, int]]:
        """One Produce request; returns each batch with its error code and its first offset."""
        request = produce(
            self._transactional_id,
            self._link.request_timeout_ms,
            [(batch.place, batch.buffer) for batch in together],
        )
        try:
            waiting = self._link.post(await self._link.connect(node), request)
            round_.tell_half()
            answer: Said = await waiting
        except UNANSWERED as error:
            _log.info("broker %s did not answer a Produce request: %r", node, error)
            return [(batch, Code.NOT_LEADER_OR_FOLLOWER, -1) for batch in together]
        said = {(topic, partition): (code, offset) for topic, partition, code, offset in answer}
        nothing = (Code.NETWORK_EXCEPTION, -1)
        return [(batch, *said.get(batch.place, nothing)) for batch in together]

    def _settle(self, round_: _Rounds, batch: Batch, code: int, offset: int) -> None:
        """Take note of what a broker said of a batch, the first of its partition's queue."""
        topic = batch.place[0]
        if not code and offset >= 0:
            batch.last_offset = offset + len(batch.records) - 1
            round_.done(batch)
        elif code in codes.TOO_LARGE and len(batch.records) > 1:
            self._smaller[topic] = max(len(batch.buffer) // 2, _BATCH_BYTES_MIN)
            round_.replace(batch, batch.halves())
        elif code in codes.LEADER_RETRIED or (code == _UNKNOWN and round_.is_patient()):
            # Metadata of a topic just created, or of a leader just moved, needs a moment.
            round_.is_stale |= code in codes.STALE_METADATA
            round_.has_to_wait = True
        else:
            batch.error = UnknownTopic(topic) if code == _UNKNOWN else _refusal(topic, code)
            round_.is_refused = True


_UNKNOWN: Final = Code.UNKNOWN_TOPIC_OR_PARTITION


def _refusal(topic: str, code: int) -> ClientError:
    """The error that a leader's error code asks for."""
    if code in codes.FENCED:
        return Fenced(f"{topic}: another process writes under our id: {codes.name(code)}")
    if not code or code in codes.ABORTABLE:
        return Abortable(f"{topic}: a batch was taken, but where is not known: {codes.name(code)}")
    return Refused(topic, codes.name(code))


class _Rounds:
    """What is still to be sent of an epoch, and what the last round came to."""

    def __init__(self, batches: Sequence[Batch], patient_until_s: float) -> None:
        self.queues: dict[Place, deque[Batch]] = {}
        for batch in batches:
            self.queues.setdefault(batch.place, deque()).append(batch)
        self.settled: list[Batch] = []
        self.is_refused = self.is_stale = self.has_to_wait = self.is_half_told = False
        self._patient_until_s = patient_until_s

    def is_patient(self) -> bool:
        """Whether an unknown topic may still turn out to be a new one."""
        return asyncio.get_running_loop().time() < self._patient_until_s

    def done(self, batch: Batch) -> None:
        """The partition's next batch is the next one to be sent."""
        self.settled.append(batch)
        queue = self.queues[batch.place]
        queue.popleft()
        if not queue:
            del self.queues[batch.place]

    def replace(self, batch: Batch, parts: Sequence[Batch]) -> None:
        """Send these in place of the first batch of a partition."""
        queue = self.queues[batch.place]
        queue.popleft()
        queue.extendleft(reversed(parts))

    def tell_half(self) -> None:
        """The first request of the epoch lies on the wire, unanswered."""
        if not self.is_half_told:
            self.is_half_told = True
            reached("half-sent")
