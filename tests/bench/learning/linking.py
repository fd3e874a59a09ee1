"""Alerts into incidents by links, one after the other, as the stage does it: the stand that the
learned link is measured on.

It keeps open incidents with where and when their alerts were, tells for each alert what the
dependency rule would do (the limits of the bench of correlation), and does it, or what the learned
link says. People look at REVIEWED_SHARE of the incidents and say an hour later which alerts
belonged to them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from pipeline.domain.alert import Alert
from pipeline.domain.link import HEAD, Pair
from pipeline.domain.model import NO, YES, Belief
from pipeline.models.link.kind import KIND
from pipeline.models.link.pair import FAR
from pipeline.models.yesno.model import YesNo
from pipeline.simulate.stream import Labelled, Stream
from pipeline.stages.correlate.dependency import Graph

REVIEWED_SHARE: Final = 0.2
LATE_MS: Final = 3_600_000
GAP_MS: Final = 300_000
HOPS: Final = 3

RULE_HOPS, RULE_GAP_MS = 2, 180_000
SMALL_ALERTS, SMALL_HOPS, SMALL_GAP_MS = 3, 1, 60_000


class Open:
    """One open incident."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.size = 0
        self.first_at_ms = self.last_at_ms = 0
        self.spots: dict[tuple[str, str], int] = {}
        self.true: Counter[str] = Counter()
        self.latest: Alert | None = None

    def take(self, each: Labelled) -> None:
        alert = each.alert
        at_ms = alert.starts_at_ms
        self.first_at_ms = min(self.first_at_ms, at_ms) if self.size else at_ms
        self.last_at_ms = max(self.last_at_ms, at_ms)
        self.size += 1
        spot = (alert.service, alert.region)
        self.spots[spot] = max(self.spots.get(spot, 0), at_ms)
        self.true[each.incident] += 1
        self.latest = alert

    def merge(self, other: Open) -> None:
        self.first_at_ms = min(self.first_at_ms, other.first_at_ms)
        if other.last_at_ms > self.last_at_ms:
            self.last_at_ms, self.latest = other.last_at_ms, other.latest
        self.size += other.size
        for spot, at_ms in other.spots.items():
            self.spots[spot] = max(self.spots.get(spot, 0), at_ms)
        self.true += other.true

    def is_of(self, incident: str) -> bool:
        """Whether most of its alerts are truly of an incident."""
        return bool(incident) and self.true.most_common(1)[0][0] == incident


class Seen(NamedTuple):
    """One candidate as it was seen; the least is the rule's best."""

    rank: tuple[int, int, int]
    is_ruled: bool
    hops: int
    apart_ms: int
    open: Open


class Stand:
    """One pass over a stream; `links` None: the rule alone."""

    def __init__(
        self, stream: Stream, links: YesNo | None, reviewed_share: float = REVIEWED_SHARE
    ) -> None:
        self._graph = Graph(stream.services.values(), HOPS)
        self._links = links
        self._share = reviewed_share
        self._seed = stream.seed
        self._open: list[Open] = []
        self._waiting: deque[tuple[int, Pair, bool]] = deque()
        self._into: dict[int, int] = {}
        self._count = 0

    def run(self, alerts: Sequence[Labelled]) -> list[int]:
        """The incident of each alert, after all merges."""
        found = [self._place(each) for each in alerts]
        return [self._final(number) for number in found]

    def _final(self, number: int) -> int:
        while number in self._into:
            number = self._into[number]
        return number

    def _place(self, each: Labelled) -> int:
        at_ms = each.alert.starts_at_ms
        while self._waiting and self._waiting[0][0] <= at_ms and self._links is not None:
            _, pair, is_same = self._waiting.popleft()
            self._links.learn(KIND.features(pair), {HEAD: YES if is_same else NO})
        self._open = [one for one in self._open if one.last_at_ms >= at_ms - GAP_MS]
        near = self._graph.neighbours(each.alert.service)
        seen = [found for one in self._open if (found := self._see(each.alert, one, near))]
        chosen = self._ruled(seen) if self._links is None else self._judged(each, seen)
        if chosen:
            mine = chosen[0]
            for other in chosen[1:]:
                self._merge(mine, other)
        else:
            mine = Open(self._count)
            self._count += 1
            self._open.append(mine)
        mine.take(each)
        return mine.number

    def _see(self, alert: Alert, one: Open, near: Mapping[str, int]) -> Seen | None:
        at_ms = alert.starts_at_ms
        best = (FAR, GAP_MS)
        rank, is_ruled = (FAR, GAP_MS, 0), False
        for (service, region), last_at_ms in one.spots.items():
            hops = near.get(service, FAR)
            apart_ms = abs(at_ms - last_at_ms)
            if region != alert.region or hops > HOPS or apart_ms > GAP_MS:
                continue
            best = min(best, (hops, apart_ms))
            if hops <= RULE_HOPS and apart_ms <= RULE_GAP_MS:
                if one.size < SMALL_ALERTS and (hops > SMALL_HOPS or apart_ms > SMALL_GAP_MS):
                    continue
                rank, is_ruled = min(rank, (hops, apart_ms, -last_at_ms)), True
        if best[0] == FAR:
            return None
        return Seen(rank, is_ruled, best[0], best[1], one)

    @staticmethod
    def _ruled(seen: Sequence[Seen]) -> list[Open]:
        ruled = sorted((each for each in seen if each.is_ruled), key=lambda each: each.rank)
        return [each.open for each in ruled[:2]]

    def _judged(self, each: Labelled, seen: Sequence[Seen]) -> list[Open]:
        assert self._links is not None
        good: list[tuple[Belief, Seen]] = []
        is_learned = True
        for one in seen:
            pair = _pair(each.alert, one)
            beliefs = self._links.score(KIND.features(pair))
            is_learned = bool(beliefs)
            good += [(belief, one) for belief in beliefs if belief.label == YES]
            mark = crc32(f"{self._seed}/{one.open.number}".encode()) / 2**32
            if mark < self._share:
                due_ms = each.alert.starts_at_ms + LATE_MS
                self._waiting.append((due_ms, pair, one.open.is_of(each.incident)))
        if not is_learned:
            return self._ruled(seen)
        good.sort(key=lambda pair: (-pair[0].confidence, pair[1].rank, pair[1].open.number))
        return [one.open for _, one in good[:2]]

    def _merge(self, mine: Open, other: Open) -> None:
        self._open.remove(other)
        self._into[other.number] = mine.number
        mine.merge(other)


def _pair(alert: Alert, one: Seen) -> Pair:
    found, latest = one.open, one.open.latest
    assert latest is not None
    return Pair(
        hops=one.hops,
        apart_ms=one.apart_ms,
        silent_ms=abs(alert.starts_at_ms - found.last_at_ms),
        pace_ms=(found.last_at_ms - found.first_at_ms) // max(1, found.size - 1),
        size=found.size,
        services_count=len({service for service, _ in found.spots}),
        name=alert.name,
        latest_name=latest.name,
        is_ruled=one.is_ruled,
    )
