"""GlobalReader: the compacted topics that every task looks up, read to their true ends and on.

It reads in a thread of its own. Between two epochs the host takes what has come and applies it,
so that an epoch sees one state of every global.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pipeline.domain.errors import StoreError
from pipeline.domain.record import Record
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import BulkReader, Stretch
from pipeline.hosts.faust.state.own_loop import OwnLoop

LAG_MAX_S: Final = 2.0
"""A worker whose globals are older is not ready (design §6, rule 11)."""

BYTES_MAX: Final = 512 << 10
"""Read at once of one topic, so that the epochs' thread gets the interpreter in between."""


class GlobalReader:
    """Reads `topics`, each of one partition, at `options`.

    What has come and was not taken holds the newest record per key, so it cannot outgrow the
    topics themselves.
    """

    def __init__(self, options: Mapping[str, Any], topics: Sequence[str]) -> None:
        self._options = options
        self._places: list[Place] = [(topic, 0) for topic in topics]
        self._came: dict[tuple[str, str], Record] = {}
        self._lock = threading.Lock()
        self._at_end_at_s: dict[str, float] = {}
        self._loop = OwnLoop("globals", self._follow)

    async def start(self) -> None:
        """Read every topic to the end that it has now. Raises UnknownTopic, Refused, Stalled,
        Unreachable where no broker lets us in, StoreError where a topic has several partitions.
        """
        if self._places:
            await self._loop.start()

    async def stop(self) -> None:
        """Read no further."""
        await self._loop.stop()

    def check(self) -> None:
        """Raises what ended the reading: crash only, so it ends the worker."""
        self._loop.check()

    def drain(self) -> list[Record]:
        """What has come since the last call, by topic and offset: the newest record per key.
        Raises what ended the reading.
        """
        self._loop.check()
        if not self._came:
            return []
        with self._lock:
            came, self._came = self._came, {}
        return sorted(came.values(), key=lambda record: (record.topic, record.offset))

    def lags_s(self) -> dict[str, float]:
        """Per topic: for how many seconds its end was not seen; infinite before the first time."""
        now_s = time.monotonic()
        return {
            topic: now_s - self._at_end_at_s[topic] if topic in self._at_end_at_s else float("inf")
            for topic, _ in self._places
        }

    @property
    def is_current(self) -> bool:
        """Whether no global is older than LAG_MAX_S."""
        return max(self.lags_s().values(), default=0.0) <= LAG_MAX_S

    async def _follow(self, ready: Callable[[], None]) -> None:
        reader = BulkReader(self._options, partition_bytes_max=BYTES_MAX)
        await reader.start()
        try:
            positions = await self._catch_up(reader)
            ready()
            while True:
                for place, stretch in (await reader.fetch(positions)).items():
                    positions[place] = stretch.next
                    self._take(place[0], stretch)
        finally:
            await reader.stop()

    async def _catch_up(self, reader: BulkReader) -> dict[Place, int]:
        for topic, _ in self._places:
            if (count := await reader.partitions(topic)) != 1:
                raise StoreError(
                    f"{topic} has {count} partitions, but every worker reads it whole and in"
                    " order: it must have exactly one"
                )
        positions: dict[Place, int] = {}
        for place, bounds in (await reader.bounds(self._places)).items():
            positions[place] = bounds.first
            async for stretch in reader.read(place, bounds.first, bounds.next):
                positions[place] = stretch.next
                self._take(place[0], stretch)
            self._at_end_at_s[place[0]] = time.monotonic()
        return positions

    def _take(self, topic: str, stretch: Stretch) -> None:
        if stretch.next >= stretch.last_stable:
            self._at_end_at_s[topic] = time.monotonic()
        if not stretch.rows:
            return
        with self._lock:
            for raw, value, offset, timestamp_ms in stretch.rows:
                key = (raw or b"").decode(errors="replace")
                self._came[topic, key] = Record(
                    topic=topic,
                    partition=0,
                    offset=offset,
                    key=key,
                    value=value,
                    timestamp_ms=timestamp_ms,
                )
