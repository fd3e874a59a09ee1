"""BulkReader: whole partitions, only what is committed, as fast as one core can decode it.

It belongs to no group and commits nothing. Where a partition ends is asked with ListOffsets at
read_uncommitted: that is the high watermark, which a leader elected a moment ago refuses to tell
until it knows it (KIP-207). The last stable offset would leave out what was committed behind a
transaction that is still open, or whose markers have not reached this partition yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.codes import Code, name
from pipeline.hosts.faust.client.describing import Described, describe
from pipeline.hosts.faust.client.errors import ClientError, Refused, UnknownTopic
from pipeline.hosts.faust.client.fetching import FETCH, LIST_OFFSETS
from pipeline.hosts.faust.client.link import UNANSWERED, Link, Patience
from pipeline.hosts.faust.client.unpack import Corrupt, Headers, Row, unpack

PARTITION_BYTES_MAX: Final = 2 << 20
"""What one answer brings of one partition; a single batch that is larger comes nevertheless."""

ANSWER_BYTES_MAX: Final = 32 << 20
"""What one answer brings of all partitions of one broker: so much is held in memory at once."""

WAIT_MS: Final = 200
"""So long a broker waits for the first byte where there is nothing to be read."""

PAUSE_FIRST_S: Final = 0.02
PAUSE_MAX_S: Final = 0.5
"""Between two rounds of which neither brought anything, not even that there is nothing."""

_READ_UNCOMMITTED: Final = 0
_READ_COMMITTED: Final = 1
_LATEST: Final = -1
_EARLIEST: Final = -2
_NO_SESSION: Final = (0, -1)
_UNKNOWN_EPOCH: Final = -1
_CONSUMER: Final = -1
_OFFSET_OUT_OF_RANGE: Final = 1


class Bounds(NamedTuple):
    """The first offset that a partition still has, and its high watermark: the next to come."""

    first: int
    next: int


class Stretch(NamedTuple):
    """What one answer brought of one partition: its committed records in order, the offset to go
    on from, the partition's high watermark and last stable offset at that time. `headers` go
    with `rows` where they were asked for.
    """

    rows: list[Row]
    headers: list[Headers]
    next: int
    high_watermark: int
    last_stable: int
    is_empty: bool
    """Whether the broker had no bytes at all from there on."""


class OutOfRange(ClientError):
    """The log does not have this offset any more, or does not have it yet."""

    def __init__(self, place: Place, offset: int) -> None:
        super().__init__(
            f"{place[0]}-{place[1]} has no offset {offset}: its records were deleted, or the topic"
            " was made anew"
        )
        self.place = place
        self.offset = offset


class Stalled(ClientError):
    """Nothing could be read for too long; the text says why."""


class BulkReader:
    """Reads partitions that it is told, from offsets that it is told. One event loop's own.

    `options` are aiokafka's arguments for the connection; `patience_s` is how long a partition
    may give nothing before reading it is given up. `partition_bytes_max` is what is worked on at
    once: smaller where other threads want the interpreter too.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        patience_s: float = 30.0,
        with_headers: bool = False,
        partition_bytes_max: int = PARTITION_BYTES_MAX,
    ) -> None:
        self._link = Link(options, request_timeout_ms=int(patience_s * 1000))
        self._patience_s = patience_s
        self._with_headers = with_headers
        self._partition_bytes_max = partition_bytes_max
        self._pause_s = PAUSE_FIRST_S
        self._complaints: dict[Place, str] = {}

    async def start(self) -> None:
        """Connect. Raises Unreachable where no broker lets us in."""
        await self._link.start()

    async def stop(self) -> None:
        """Close every connection."""
        await self._link.stop()

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises UnknownTopic or Refused."""
        return await self._link.partitions(topic, self._patience_s)

    async def describe(self, topic: str) -> Described:
        """Which topic has the name, with its id. Raises UnknownTopic, Refused, ClientError."""
        return await describe(self._link, topic, self._patience_s)

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """Where partitions begin, and their true ends as of now. Raises UnknownTopic, Refused,
        Stalled.
        """
        wanted = list(places)
        ends = await self._offsets(wanted, _LATEST)
        firsts = await self._offsets(wanted, _EARLIEST)
        return {place: Bounds(firsts[place], ends[place]) for place in wanted}

    async def fetch(
        self, positions: Mapping[Place, int], *, wait_ms: int = WAIT_MS
    ) -> dict[Place, Stretch]:
        """One round: what each broker has from these offsets on, waiting `wait_ms` at most where
        it has nothing. A partition whose leader moves is left out and comes in a later round.
        Raises OutOfRange, Refused.
        """
        by_leader = await self._by_leader(positions)
        asked = [
            self._fetch_from(node, {place: positions[place] for place in places}, wait_ms)
            for node, places in by_leader.items()
        ]
        found: dict[Place, Stretch] = {}
        for answer in await asyncio.gather(*asked):
            found |= answer
        if found:
            self._pause_s = PAUSE_FIRST_S
        else:
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, PAUSE_MAX_S)
        return found

    async def read(self, place: Place, start: int, until: int) -> AsyncIterator[Stretch]:
        """All stretches from `start` to `until`, the next being fetched while one is worked on.

        Waits for transactions that are open below `until`. Raises Stalled where nothing comes
        for `patience_s`, OutOfRange, UnknownTopic, Refused.
        """
        if start >= until:
            return
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + self._patience_s
        position, is_at_end = start, False
        ahead = asyncio.ensure_future(self.fetch({place: position}))
        try:
            while True:
                stretch = (await ahead).get(place)
                if stretch is not None:
                    is_over = stretch.next >= until
                    if stretch.is_empty and stretch.last_stable >= until:
                        # Compaction took all that was left. Asked twice, since a broker that
                        # limits its answers may leave one partition out of one of them.
                        is_over, is_at_end = is_at_end, True
                        stretch = stretch._replace(next=until if is_over else stretch.next)
                    if is_over:
                        yield stretch
                        return
                    if stretch.next > position:
                        position, is_at_end = stretch.next, False
                        give_up_at_s = loop.time() + self._patience_s
                if loop.time() > give_up_at_s:
                    raise Stalled(self._why(place, position, until, stretch))
                ahead = asyncio.ensure_future(self.fetch({place: position}))
                if stretch is not None and stretch.rows:
                    yield stretch
        finally:
            ahead.cancel()
            with suppress(asyncio.CancelledError, ClientError):
                await ahead

    async def _by_leader(self, places: Iterable[Place]) -> dict[int, list[Place]]:
        """Partitions by the broker that leads them, as far as that is known now."""
        wanted = list(places)
        if any(self._link.leader(*place) is None for place in wanted):
            for topic in {topic for topic, _ in wanted}:
                self._link.client.add_topic(topic)
            await self._link.refresh()
        found: dict[int, list[Place]] = {}
        for place in wanted:
            node = self._link.leader(*place)
            if node is None:
                self._complaints[place] = "no broker leads it now"
            else:
                found.setdefault(node, []).append(place)
        return found

    async def _fetch_from(
        self, node: int, positions: Mapping[Place, int], wait_ms: int
    ) -> dict[Place, Stretch]:
        topics: dict[str, list[tuple[int, int, int, int, int]]] = {}
        for (topic, partition), offset in positions.items():
            topics.setdefault(topic, []).append(
                (partition, _UNKNOWN_EPOCH, offset, _CONSUMER, self._partition_bytes_max)
            )
        call = FETCH(
            _CONSUMER,
            wait_ms,
            1,
            ANSWER_BYTES_MAX,
            _READ_COMMITTED,
            *_NO_SESSION,
            list(topics.items()),
            [],
            "",
        )
        answer = await self._ask(node, call, positions)
        found: dict[Place, Stretch] = {}
        is_stale = False
        for topic, partitions in answer.topics if answer is not None else ():
            for partition, code, high, stable, _first, aborted, _replica, raw in partitions:
                place = (topic, partition)
                if code:
                    is_stale = True
                    self._blame(place, code, positions[place])
                    continue
                try:
                    rows, headers, after = unpack(
                        raw or b"",
                        positions[place],
                        aborted or (),
                        with_headers=self._with_headers,
                    )
                except Corrupt as error:
                    self._complaints[place] = str(error)
                    continue
                self._complaints.pop(place, None)
                found[place] = Stretch(rows, headers, after, high, stable, not raw)
        if is_stale:
            await self._link.refresh()
        return found

    async def _offsets(self, places: list[Place], when: int) -> dict[Place, int]:
        """One offset per partition, asked until every leader has told it."""
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + self._patience_s
        patience = Patience()
        found: dict[Place, int] = {}
        while missing := [place for place in places if place not in found]:
            for node, led in (await self._by_leader(missing)).items():
                topics: dict[str, list[tuple[int, int, int]]] = {}
                for topic, partition in led:
                    topics.setdefault(topic, []).append((partition, _UNKNOWN_EPOCH, when))
                call = LIST_OFFSETS(_CONSUMER, _READ_UNCOMMITTED, list(topics.items()))
                answer = await self._ask(node, call, led)
                for topic, partitions in answer.topics if answer is not None else ():
                    for partition, code, _time, offset, _epoch in partitions:
                        if code:
                            self._blame((topic, partition), code, when)
                        else:
                            found[topic, partition] = offset
            if len(found) < len(places):
                if loop.time() > give_up_at_s:
                    raise self._gave_up(next(place for place in places if place not in found))
                await self._link.refresh()
                await patience.wait()
        return found

    async def _ask(self, node: int, call: Any, places: Iterable[Place]) -> Any:
        """A broker's answer; None where it gave none, which another round may."""
        try:
            return await self._link.client.send(node, call)
        except UNANSWERED as error:
            self._complaints |= dict.fromkeys(places, f"broker {node}: {error!r}")
            await self._link.refresh()
            return None

    def _blame(self, place: Place, code: int, offset: int) -> None:
        """Note why a partition gave nothing; raises what another round cannot mend."""
        if code == _OFFSET_OUT_OF_RANGE:
            raise OutOfRange(place, offset)
        if code == Code.TOPIC_AUTHORIZATION_FAILED:
            raise Refused(place[0], "this user may not read it: an ACL for Read is missing")
        self._complaints[place] = name(code)

    def _gave_up(self, place: Place) -> ClientError:
        why = self._complaints.get(place, "no answer")
        if place[0] in self._link.client.cluster.unauthorized_topics:
            return Refused(place[0], "this user may not see it: an ACL for Describe is missing")
        if why == name(Code.UNKNOWN_TOPIC_OR_PARTITION) or not self._is_known(place):
            return UnknownTopic(place[0])
        return Stalled(f"{place[0]}-{place[1]}: no answer within {self._patience_s:g} s: {why}")

    def _is_known(self, place: Place) -> bool:
        return bool(self._link.client.cluster.partitions_for_topic(place[0]))

    def _why(self, place: Place, position: int, until: int, last: Stretch | None) -> str:
        where = f"{place[0]}-{place[1]} could not be read from offset {position} to {until}"
        within = f"within {self._patience_s:g} s"
        if last is not None and last.last_stable <= position < last.high_watermark:
            return (
                f"{where}: a transaction that begins at offset {last.last_stable} was not ended"
                f" {within}. `kafka-transactions.sh find-hanging` names its producer"
            )
        return f"{where} {within}: {self._complaints.get(place, 'the broker gives nothing')}"
