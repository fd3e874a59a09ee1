"""KafkaAppender: durable appends for the edge, acknowledged by all replicas in sync, or refused.

What is promised. An append that returns is durable: every record was acknowledged with acks=all.
One that raises was not accepted. A request is not all or nothing on Kafka: its records lie on
several partitions, and some of those may be on the log when it is refused: because another
partition failed, or because a broker that had received them never said so. Its sender is told 503
with Retry-After, repeats the whole, and then some records are there twice. What reads them makes
that harmless: with an Idempotency-Key the alert_id derives from it and the index in the batch, and
correlate drops an id that it has seen within 24 h; without one the id is the position, and the
second copy updates the incident of the first: same fingerprint, same start, no second page.
Commands carry an id of their own; silences, services and changes are values under a key.

One short transaction per group commit would make a request all or nothing. It was measured, 12
partitions and a broker on the same two cores: 100 senders of single records get 15,000/s at a
median of 5.6 ms with it, 36,000/s at 2.7 ms with aiokafka's idempotent producer, 63,000/s at 1.5
ms with this; and an edge that dies in its middle would hold up raw-alerts for every reader until
the transaction times out. Some records twice are the smaller evil than all alerts late.

A request that is given up leaves what no batch holds yet unsent, and its batches are not tried
again: nothing is sent long after its sender was told 503. What a broker had received by then, also
one that was halted, it may still append.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import structlog
from msgspec import Struct

from pipeline.domain.errors import Busy, Oversize
from pipeline.domain.store import Output
from pipeline.hosts.faust.client.partitions import partition_of
from pipeline.hosts.faust.lane import Payload, Place, Request
from pipeline.hosts.faust.outlet import Outlet

WAITING_MAX: Final = 50_000
"""Records that may wait for their acknowledgement; more is answered with Busy, never buffered."""

WAITING_SIZE_BYTES_MAX: Final = 128 * 2**20
"""Bytes of such records."""

WITHIN_S: Final = 4.0
"""A request that takes longer is given up."""

RECORD_SIZE_BYTES_MAX: Final = 1_000_000
"""The largest record of a topic that says nothing else: Kafka's default is 1 MB."""

OVERHEAD_BYTES: Final = 200
"""What a record and its batch need besides key, value and headers."""

HOLDS_S: Final = 5.0
"""So long after the last failure, traffic or not, all is well again."""

LOOK_S: Final = 0.1
PROBE_S: Final = 1.0

_log: Final = structlog.get_logger("tocsin.edge.kafka")


class Bounds(Struct, frozen=True, kw_only=True):
    """How much may wait, and for how long. One request that is larger goes where nothing waits."""

    records_max: int = WAITING_MAX
    size_bytes_max: int = WAITING_SIZE_BYTES_MAX
    within_s: float = WITHIN_S


class KafkaAppender:
    """Appends to `topics`, each with the size of its largest record (0: the default)."""

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Mapping[str, int],
        now_ms: Callable[[], int],
        *,
        bounds: Bounds | None = None,
    ) -> None:
        self._limits = {name: size or RECORD_SIZE_BYTES_MAX for name, size in topics.items()}
        self._now_ms = now_ms
        self._bounds = bounds or Bounds()
        self._outlet = Outlet(options, self._limits, self._note)
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._requests: dict[int, Request] = {}
        self._records = 0
        self._bytes = 0
        self._keyless = 0
        self._is_stopping = False
        self._failure = ""
        self._failed_at_s = 0.0

    async def start(self) -> None:
        """Connect. Raises Busy where no broker answers; `stop` must be called all the same."""
        await self._outlet.open()
        self._tasks = [self._loop.create_task(self._watch()), self._loop.create_task(self._probe())]

    async def stop(self) -> None:
        """Take nothing more, let what is under way end or be late, and disconnect."""
        self._is_stopping = True
        if self._requests:
            waiting = [request.future for request in self._requests.values()]
            await asyncio.wait(waiting, timeout=self._bounds.within_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._outlet.close()
        for request in self._requests.values():
            request.fail(Busy("Tocsin is stopping"))

    @property
    def fault(self) -> str:
        """Why work should be sent elsewhere now; "" while it may come."""
        return self._failure or "; ".join(self._outlet.missing.values())

    @property
    def waiting(self) -> int:
        """Records that wait for their acknowledgement."""
        return self._records

    async def append(self, outputs: Iterable[Output]) -> Sequence[Place]:
        """Append; returns when every record is acknowledged by all replicas in sync.

        Raises Busy where not all were: nothing is promised then, and some may be on the log (see
        above). Raises Oversize where a record is too large for its topic, and StoreError where a
        topic is not there or may not be written. An offset is -1 where a broker had lost it.
        """
        if self._is_stopping:
            raise Busy("Tocsin is stopping")
        placed, size_bytes = self._placed(outputs)
        if not placed:
            return []
        request = self._admit(len(placed), size_bytes)
        try:
            for index, (topic, partition, payload) in enumerate(placed):
                self._outlet.put(topic, partition, (payload, request, index))
            return await request.future
        finally:
            del self._requests[id(request)]
            self._records -= len(placed)
            self._bytes -= size_bytes

    def _placed(self, outputs: Iterable[Output]) -> tuple[list[tuple[str, int, Payload]], int]:
        """Topic, partition and bytes of each record, and the size of all."""
        placed: list[tuple[str, int, Payload]] = []
        total_bytes = 0
        timestamp_ms = self._now_ms()
        packed: dict[int, tuple[list[tuple[str, bytes]], int]] = {}  # a request's share one dict
        for output in outputs:
            known = packed.get(id(output.headers))
            if known is None:
                known = packed[id(output.headers)] = _packed(output.headers)
            headers, headers_bytes = known
            key = output.key.encode() if output.key else None
            size_bytes = OVERHEAD_BYTES + headers_bytes + len(key or b"") + len(output.value or b"")
            count = self._outlet.count(output.topic)
            if size_bytes > self._limits[output.topic]:
                raise Oversize(output.topic, size_bytes, self._limits[output.topic])
            total_bytes += size_bytes
            payload = (key, output.value, headers, timestamp_ms)
            placed.append((output.topic, self._partition(key, count), payload))
        return placed, total_bytes

    def _partition(self, key: bytes | None, count: int) -> int:
        if key is not None:
            return partition_of(key, count)
        self._keyless += 1
        return self._keyless % count

    def _admit(self, records: int, size_bytes: int) -> Request:
        """Count a request among those that wait. Raises Busy where too much waits already."""
        bounds = self._bounds
        is_full = self._records + records > bounds.records_max
        if self._requests and (is_full or self._bytes + size_bytes > bounds.size_bytes_max):
            raise Busy(f"{self._records} records wait for their acknowledgement", after_s=2)
        request = Request(
            future=self._loop.create_future(),
            places=[("", -1, -1)] * records,
            left=records,
            asked_at_s=self._loop.time(),
        )
        self._requests[id(request)] = request
        self._records += records
        self._bytes += size_bytes
        return request

    async def _watch(self) -> None:
        """Give up what takes too long."""
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = self._loop.time()
            late_s = now_s - self._bounds.within_s
            self._outlet.give_up(late_s)
            for request in self._requests.values():  # in the order in which they were asked
                if request.asked_at_s >= late_s:
                    break
                request.fail(Busy(self._failure or "Kafka did not acknowledge in time"))
            if self._failure and now_s - self._failed_at_s > HOLDS_S:
                _log.info("appends work again")
                self._failure = ""

    async def _probe(self) -> None:
        """Look whether the cluster answers: also without traffic it must show that it is well."""
        while True:
            if not await self._outlet.look():
                self._note("Kafka cannot be reached")
            await asyncio.sleep(PROBE_S)

    def _note(self, why: str) -> None:
        """Something was given up, or may be soon."""
        if not self._failure:
            _log.error("appends fail", why=why)
        self._failure = why
        self._failed_at_s = self._loop.time()


def _packed(headers: Mapping[str, str]) -> tuple[list[tuple[str, bytes]], int]:
    found = [(name, value.encode()) for name, value in headers.items()]
    return found, sum(len(name) + len(value) for name, value in found)
