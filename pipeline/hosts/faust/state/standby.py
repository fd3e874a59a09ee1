"""Standbys: warm stores of tasks that other workers own, so that a takeover restores a delta only.

They follow changelogs in a thread of their own, read_committed as everybody does. A stretch may
end inside another owner's epoch; that does no harm, since whoever takes a store brings it up to
the true end of the log before its task runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from pipeline.domain.errors import TocsinError
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import BulkReader, OutOfRange, Stretch
from pipeline.hosts.faust.state.own_loop import OwnLoop
from pipeline.hosts.faust.state.restore import ChangelogStore, apply, changelogs
from pipeline.hosts.faust.state.trust import Changelog

STANDBYS_MAX: Final = 64
"""So many stores are kept warm by one worker; further ones are left cold."""

BYTES_MAX: Final = 256 << 10
"""Read at once of one changelog, so that the epochs' thread gets the interpreter in between."""

BUSY_SHARE: Final = 0.25
"""So much of one core at most is spent on catching up, which nobody waits for."""

TOUCH_EVERY_S: Final = 300.0
"""A store whose log is quiet says so often that it holds all of it."""

RETRY_AFTER_S: Final = 60.0
"""A standby that failed (a full disk, a topic made anew) is tried again after so long."""

IDLE_S: Final = 0.2

OpenStore = Callable[[Place, Changelog], ChangelogStore]
"""Opens the store of a changelog partition, as for a task that this worker owns."""


class Lag(NamedTuple):
    """How far a standby is behind: offsets (markers and aborted records are among them), and
    seconds since it saw the end of its log.
    """

    offsets: int
    seconds: float


class _Warm:
    """One store that is followed. `position` runs ahead of the store's where all was aborted."""

    __slots__ = ("at_end_at_s", "behind", "position", "store", "touched_at_s")

    def __init__(self, store: ChangelogStore, now_s: float) -> None:
        self.store = store
        self.position = store.position
        self.behind = 0
        self.at_end_at_s = self.touched_at_s = now_s


class Standbys:
    """Stores of changelog partitions (topic, partition) that this worker does not own.

    All methods belong to one event loop, which is not the one that follows. `now_ms` is the
    host's clock. A standby that fails is left cold for a while and named in `troubles`: it is
    never a reason to stop working.
    """

    def __init__(
        self, options: Mapping[str, Any], open_store: OpenStore, now_ms: Callable[[], int]
    ) -> None:
        self._options = options
        self._open_store = open_store
        self._now_ms = now_ms
        self._wanted: set[Place] = set()
        self._warm: dict[Place, _Warm] = {}
        self._retry_at_s: dict[Place, float] = {}
        self._reader: BulkReader | None = None
        self._loop = OwnLoop("standbys", self._follow)
        self.troubles: dict[Place, str] = {}

    async def start(self) -> None:
        """Connect. Raises Unreachable where no broker lets us in."""
        await self._loop.start()

    async def stop(self) -> None:
        """Close every store."""
        await self._loop.stop()

    def check(self) -> None:
        """Raises what ended the following: crash only, so it ends the worker."""
        self._loop.check()

    async def follow(self, places: Iterable[Place]) -> list[Place]:
        """Keep these warm, and no others, from now on; gives those that are beyond the limit."""
        self._loop.check()
        wanted = sorted(set(places))
        await self._loop.call(self._want(set(wanted[:STANDBYS_MAX])))
        return wanted[STANDBYS_MAX:]

    async def take(self, place: Place) -> ChangelogStore | None:
        """Hand over a warm store, to be restored from where it is; None where there is none. It
        is followed no more.
        """
        self._loop.check()
        return await self._loop.call(self._hand_over(place))

    async def give(self, place: Place, store: ChangelogStore) -> None:
        """Take back a store whose task another worker has now, and keep it warm."""
        self._loop.check()
        await self._loop.call(self._take_back(place, store))

    def lags(self) -> dict[Place, Lag]:
        """How far each warm store is behind."""
        now_s = time.monotonic()
        return {
            place: Lag(warm.behind, now_s - warm.at_end_at_s)
            for place, warm in list(self._warm.items())
        }

    async def _want(self, wanted: set[Place]) -> None:
        self._wanted = wanted
        for place in self._warm.keys() - wanted:
            self._warm.pop(place).store.close()

    async def _hand_over(self, place: Place) -> ChangelogStore | None:
        self._wanted.discard(place)
        warm = self._warm.pop(place, None)
        return None if warm is None else warm.store

    async def _take_back(self, place: Place, store: ChangelogStore) -> None:
        if place not in self._wanted and len(self._wanted) >= STANDBYS_MAX:
            store.close()
            return
        self._wanted.add(place)
        self._warm[place] = _Warm(store, time.monotonic())

    async def _follow(self, ready: Callable[[], None]) -> None:
        reader = BulkReader(self._options, partition_bytes_max=BYTES_MAX)
        await reader.start()
        ready()
        try:
            while True:
                await self._open_missing(reader)
                if not self._warm:
                    await asyncio.sleep(IDLE_S)
                    continue
                await self._round(reader)
        finally:
            for warm in self._warm.values():
                warm.store.close()
            self._warm.clear()
            await reader.stop()

    async def _open_missing(self, reader: BulkReader) -> None:
        for topic, partition in sorted(self._wanted - self._warm.keys()):
            place = (topic, partition)
            if time.monotonic() < self._retry_at_s.get(place, 0.0):
                continue
            try:
                log = (await changelogs(reader, topic, [partition]))[partition]
                if place in self._wanted and place not in self._warm:  # else it was taken meanwhile
                    store = self._open_store(place, log)
                    self._warm[place] = _Warm(store, time.monotonic())
                    self.troubles.pop(place, None)
            except TocsinError as error:
                self._trouble(place, error)

    async def _round(self, reader: BulkReader) -> None:
        """One answer of each broker, applied."""
        asked = dict(self._warm)
        try:
            found = await reader.fetch({place: warm.position for place, warm in asked.items()})
        except OutOfRange as error:
            self._trouble(error.place, error)
            return
        except TocsinError as error:
            for place in asked:
                self._trouble(place, error)
            return
        began_s = time.thread_time()
        is_behind = False
        for place, stretch in found.items():
            warm = asked[place]
            if self._warm.get(place) is not warm:
                continue  # it was taken while we read
            try:
                self._apply(warm, stretch)
            except TocsinError as error:
                self._trouble(place, error)
            is_behind = is_behind or stretch.next < stretch.last_stable
        if is_behind:
            await asyncio.sleep((time.thread_time() - began_s) * (1 / BUSY_SHARE - 1))

    def _apply(self, warm: _Warm, stretch: Stretch) -> None:
        now_s = time.monotonic()
        if stretch.next > warm.position:
            apply(warm.store, stretch, self._now_ms())
            warm.position = stretch.next
        warm.behind = max(0, stretch.high_watermark - stretch.next)
        if stretch.next < stretch.last_stable:
            return
        warm.at_end_at_s = now_s
        if not warm.behind and now_s - warm.touched_at_s > TOUCH_EVERY_S:
            warm.touched_at_s = now_s
            warm.store.touch(self._now_ms())

    def _trouble(self, place: Place, error: TocsinError) -> None:
        self.troubles[place] = str(error)
        self._retry_at_s[place] = time.monotonic() + RETRY_AFTER_S
        warm = self._warm.pop(place, None)
        if warm is not None:
            warm.store.close()
