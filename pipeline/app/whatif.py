"""What if: a past range through other rules, and what would have differed.

The same recorded inputs are driven twice from an empty state, at their own times: once under the
rules of now and once under the others. So the only difference is the rules. Receivers take
everything; nothing leaves the process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import groupby
from typing import Final

from msgspec import Struct

from pipeline.app import compose
from pipeline.domain.notification import TRIGGER
from pipeline.domain.record import Record
from pipeline.domain.store import Log, Output
from pipeline.hosts.embedded.driver import Driver
from pipeline.topology.declared import Topology

WARM_MS: Final = 3_600_000
"""So long before the range inputs are taken in already, to know what was firing."""

SETTLE_MS: Final = 3_600_000
"""So long after the range time goes on, so that what waits comes due."""

INPUTS: Final = ("services", "changes", "silences", "raw-alerts", "commands")
"""What the world outside wrote; everything else follows from it. Globals come first, since a
record of the same instant may look them up."""

READ_PIECE: Final = 1_000
Progress = Callable[[int], None]
"""Told how many records have been taken in so far."""


class Page(Struct, frozen=True, kw_only=True):
    """One trigger at one receiver. `fingerprint` is of the first alert of its incident."""

    at_ms: int
    receiver: str
    fingerprint: str
    title: str
    severity: str
    team: str
    why: str


class Difference(Struct, frozen=True, kw_only=True):
    """Pages that only one of two sets of rules made, and those that came at another time.

    `moved` holds (page before, page after); `same` counts those that did not change.
    """

    saved: tuple[Page, ...]
    added: tuple[Page, ...]
    moved: tuple[tuple[Page, Page], ...]
    same: int


def pages(
    log: Log, topology: Topology, from_ms: int, to_ms: int, progress: Progress = lambda _: None
) -> list[Page]:
    """The pages that `topology` makes of the inputs recorded in a range, in order."""
    driver = Driver(
        compose.agents(topology, compose.wiring(topology, "whatif00", slot="whatif")),
        types=compose.event_types(topology),
        globals_=compose.global_topics(topology),
        start_ms=max(0, from_ms - WARM_MS),
    )
    count = 0
    for at_ms, records in groupby(inputs(log, from_ms - WARM_MS, to_ms), lambda r: r.timestamp_ms):
        driver.advance(max(0, at_ms - driver.now_ms))
        outputs = [
            Output(topic=r.topic, key=r.key, value=r.value, headers=r.headers) for r in records
        ]
        driver.append(outputs)
        count += len(outputs)
        progress(count)
    driver.advance(max(0, to_ms - driver.now_ms) + SETTLE_MS)
    made = []
    for at_ms, _, entry in driver.calls:
        told = entry.notification
        if told.action == TRIGGER and from_ms <= at_ms and not told.is_test:
            made.append(
                Page(
                    at_ms=at_ms,
                    receiver=told.receiver,
                    fingerprint=told.alerts[0].fingerprint if told.alerts else "",
                    title=told.title,
                    severity=told.severity,
                    team=told.team,
                    why=told.why,
                )
            )
    return made


def difference(before: list[Page], after: list[Page]) -> Difference:
    """Match pages by receiver and first alert, in the order of time; the rest is saved or added."""
    waiting: dict[tuple[str, str], list[Page]] = defaultdict(list)
    for page in before:
        waiting[page.receiver, page.fingerprint].append(page)
    added, moved, same = [], [], 0
    for page in after:
        known = waiting[page.receiver, page.fingerprint]
        if not known:
            added.append(page)
            continue
        former = known.pop(0)
        if former.at_ms == page.at_ms:
            same += 1
        else:
            moved.append((former, page))
    saved = sorted((p for rest in waiting.values() for p in rest), key=lambda p: p.at_ms)
    return Difference(saved=tuple(saved), added=tuple(added), moved=tuple(moved), same=same)


def inputs(log: Log, from_ms: int, to_ms: int) -> Iterator[Record]:
    """What came from outside in a range, by time, then by topic, partition and offset.

    Services, changes and silences are taken from their beginning on: they hold until replaced.
    """
    streams = [
        _stream(log, topic, partition, 0 if rank < INPUTS.index("raw-alerts") else from_ms, to_ms)
        for rank, topic in enumerate(INPUTS)
        for partition in log.partitions(topic)
    ]
    floor_ms = max(0, from_ms)
    return merge(*streams, key=lambda r: (max(r.timestamp_ms, floor_ms), INPUTS.index(r.topic)))


def _stream(log: Log, topic: str, partition: int, from_ms: int, to_ms: int) -> Iterator[Record]:
    offset, _ = log.bounds(topic, partition)
    while found := log.read(topic, partition, offset, READ_PIECE):
        for record in found:
            if record.timestamp_ms > to_ms:
                return
            if record.timestamp_ms >= from_ms:
                yield record
        offset = found[-1].offset + 1
