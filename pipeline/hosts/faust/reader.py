"""KafkaLog: topics of a cluster as one who follows them sees them: all partitions, only committed.

It belongs to no group and commits nothing: whoever follows keeps its positions. A thread of its
own fetches from where was last read, into tails that are bounded; `read` takes from them and
never waits, so that a slow broker does not hold up who asks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from hashlib import blake2b
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from pipeline.domain.errors import Busy, StoreError, UsageError
from pipeline.domain.record import Record
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import BulkReader, OutOfRange, Stretch
from pipeline.hosts.faust.client.errors import ClientError, Refused, UnknownTopic
from pipeline.hosts.faust.tail import Tail

TAIL_BYTES_MAX: Final = 8 * 2**20
"""A partition of which so much waits to be taken is fetched no further."""

TAILS_BYTES_MAX: Final = 64 * 2**20
"""The same of all partitions together."""

WAIT_MS: Final = 500
"""So long a broker waits for the first byte where there is nothing new."""

PAUSE_S: Final = 0.02
"""Between two fetches: so many small ones become one."""

PATIENCE_S: Final = 5.0
RETRY_S: Final = 0.5
ANEW_S: Final = 15.0
"""After so long without an answer one connects anew: all brokers that are known may have moved."""

_ERRORS: Final = (KafkaError, ClientError, OSError, TimeoutError)
_log: Final = structlog.get_logger("tocsin.edge.kafka")


class KafkaLog:
    """Follows `topics`. `on_news` is called from its thread when there is something to take.

    `fault` says why nothing is followed any more, which only a bug can bring about.
    """

    def __init__(self, options: Mapping[str, Any], topics: Sequence[str]) -> None:
        self._options = options
        self._topics = topics
        self._tails: dict[Place, Tail] = {}
        self._lock = threading.Lock()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, name="kafka-log", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wanted: asyncio.Event
        self._is_failing = False
        self._is_stopping = False
        self.on_news: Callable[[], None] = lambda: None
        self.identity = ""
        self.fault = ""

    async def start(self) -> None:
        """Connect and learn the topics; `identity` then tells these from others of their names.

        Raises Busy where no broker answers, and StoreError where a topic cannot be read.
        """
        self._thread.start()
        await asyncio.wrap_future(self._ready)

    async def stop(self) -> None:
        """End the thread and its connections."""
        with self._lock:
            self._is_stopping = True
            if self._loop is not None and self._task is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._task.cancel)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def partitions(self, topic: str) -> Iterator[int]:
        """The partitions of a topic."""
        return iter([number for name, number in self._tails if name == topic])

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first retained offset, next offset to be written), as far as is known."""
        with self._lock:
            tail = self._tail(topic, partition)
            return tail.first, tail.end

    def read(self, topic: str, partition: int, offset: int, limit: int) -> Sequence[Record]:
        """What has come by now from `offset` on, at most `limit` records: perhaps none yet."""
        with self._lock:
            tail = self._tail(topic, partition)
            if tail.taken != offset:
                tail.begin(offset)
                self._wake()
                return []
            was_full = tail.size_bytes >= TAIL_BYTES_MAX
            found = tail.take(limit)
            if found and (was_full or not tail.records):
                self._wake()
            return found

    def behind(self) -> int:
        """At most so many committed records are still to be taken."""
        with self._lock:
            return sum(tail.behind for tail in self._tails.values())

    def behind_s(self) -> float:
        """So long ago all that there was had been taken."""
        with self._lock:
            oldest_s = min((tail.current_at_s for tail in self._tails.values()), default=0.0)
        return max(0.0, time.monotonic() - oldest_s)

    def silent_s(self) -> float:
        """So long ago a broker has answered for the partition that was answered for longest ago."""
        with self._lock:
            oldest_s = min((tail.answered_at_s for tail in self._tails.values()), default=0.0)
        return max(0.0, time.monotonic() - oldest_s)

    def _tail(self, topic: str, partition: int) -> Tail:
        try:
            return self._tails[topic, partition]
        except KeyError:
            raise UsageError(f"{topic}-{partition} is not followed") from None

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wanted.set)

    def _work(self) -> None:
        self._ready.set_running_or_notify_cancel()  # from now on a caller that leaves ends nothing
        try:
            asyncio.run(self._follow())
        except asyncio.CancelledError:
            if not self._ready.done():
                self._ready.set_exception(Busy("Tocsin is stopping"))
        except BaseException as error:  # noqa: BLE001  (who starts this, or asks, must hear of it)
            if not self._ready.done():
                self._ready.set_exception(_told(error))
            else:
                _log.exception("the log is not followed any more")
                self.fault = f"the view does not follow Kafka any more: {error}; restart this edge"

    async def _follow(self) -> None:
        self._wanted = asyncio.Event()
        with self._lock:
            if self._is_stopping:  # before there was anything that could be cancelled
                raise asyncio.CancelledError
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        reader = await self._connected()
        try:
            await self._learn(reader)
            self._ready.set_result(None)
            heard_at_s = time.monotonic()
            while True:
                if await self._round(reader):
                    heard_at_s = time.monotonic()
                elif time.monotonic() - heard_at_s > ANEW_S:
                    reader = await self._anew(reader)
                    heard_at_s = time.monotonic()
        finally:
            await reader.stop()

    async def _connected(self) -> BulkReader:
        reader = BulkReader(self._options, patience_s=PATIENCE_S, with_headers=True)
        try:
            await reader.start()
        except BaseException:
            await reader.stop()
            raise
        return reader

    async def _anew(self, reader: BulkReader) -> BulkReader:
        try:
            found = await self._connected()
        except _ERRORS:
            return reader
        await reader.stop()
        return found

    async def _learn(self, reader: BulkReader) -> None:
        """Which partitions there are, where they end, and which topics these are."""
        described = await asyncio.gather(*(reader.describe(topic) for topic in self._topics))
        ids = " ".join(each.topic_id for each in described)
        self.identity = blake2b(ids.encode(), digest_size=8).hexdigest()
        places = [
            (topic, number)
            for topic, each in zip(self._topics, described, strict=True)
            for number in range(each.partitions)
        ]
        bounds = await reader.bounds(places)
        now_s = time.monotonic()
        self._tails = {
            place: Tail(
                topic=place[0],
                partition=place[1],
                first=bounds[place].first,
                end=bounds[place].next,
                answered_at_s=now_s,
                current_at_s=now_s,
            )
            for place in places
        }

    async def _round(self, reader: BulkReader) -> bool:
        """One fetch of what may be fetched; whether a broker answered, or none was asked."""
        self._wanted.clear()
        positions = self._positions()
        if not positions:
            await self._wanted.wait()
            await asyncio.sleep(PAUSE_S)  # whoever wants one partition soon wants all
            return True
        try:
            found = await reader.fetch(positions, wait_ms=WAIT_MS)
        except OutOfRange as error:
            await self._out_of_range(reader, error)
            return True
        except _ERRORS as error:
            self._say(str(error))
            found = {}
        if not found:
            self._say("no broker answers")
            await asyncio.sleep(RETRY_S)
            return False
        self._say("")
        if self._add(positions, found):
            self.on_news()
            await asyncio.sleep(PAUSE_S)
        return True

    def _positions(self) -> dict[Place, int]:
        with self._lock:
            tails = self._tails.values()
            if sum(tail.size_bytes for tail in tails) >= TAILS_BYTES_MAX:
                return {}
            return {
                (tail.topic, tail.partition): tail.next
                for tail in tails
                if tail.next >= 0 and tail.size_bytes < TAIL_BYTES_MAX
            }

    def _add(self, positions: Mapping[Place, int], found: Mapping[Place, Stretch]) -> bool:
        has_records = False
        now_s = time.monotonic()
        with self._lock:
            for place, stretch in found.items():
                tail = self._tails[place]
                if tail.next == positions[place]:  # or somebody began elsewhere meanwhile
                    has_records = tail.add(stretch, now_s) or has_records
        return has_records

    async def _out_of_range(self, reader: BulkReader, error: OutOfRange) -> None:
        """Go on at the beginning of what is kept; or say where a log ends that is another one."""
        try:
            found = (await reader.bounds([error.place]))[error.place]
        except _ERRORS as fault:
            self._say(str(fault))
            await asyncio.sleep(RETRY_S)
            return
        with self._lock:
            tail = self._tails[error.place]
            tail.first, tail.end = found.first, found.next
            if tail.next == error.offset:
                tail.next = found.first if error.offset < found.first else -1
        _log.warning("the log was cut", why=str(error), first=found.first, end=found.next)
        self.on_news()

    def _say(self, why: str) -> None:
        """Log when reading begins to fail and when it works again, once each."""
        if bool(why) != self._is_failing:
            self._is_failing = bool(why)
            if why:
                _log.error("the log cannot be read", why=why)
            else:
                _log.info("the log is read again")


def _told(error: BaseException) -> StoreError:
    if isinstance(error, UnknownTopic | Refused):
        return StoreError(str(error))
    if isinstance(error, _ERRORS):
        return Busy(f"Kafka cannot be read: {error}")
    return StoreError(f"{type(error).__name__}: {error}")
