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
from pipeline.models.link.pair import FAR, Pair
from pipeline.models.link.score import Links
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
        self.places: Counter[str] = Counter()
        self.true: Counter[str] = Counter()
        self.trust = 0.0
        self.latest: Alert | None = None

    def take(self, each: Labelled, chance: float) -> None:
        alert = each.alert
        at_ms = alert.starts_at_ms
        self.first_at_ms = min(self.first_at_ms, at_ms) if self.size else at_ms
        self.last_at_ms = max(self.last_at_ms, at_ms)
        self.size += 1
        spot = (alert.service, alert.region)
        self.spots[spot] = max(self.spots.get(spot, 0), at_ms)
        self.places[alert.region] += 1
        self.true[each.incident] += 1
        self.trust += chance
        self.latest = alert

    def merge(self, other: Open) -> None:
        self.first_at_ms = min(self.first_at_ms, other.first_at_ms)
        if other.last_at_ms > self.last_at_ms:
            self.last_at_ms, self.latest = other.last_at_ms, other.latest
        self.size += other.size
        for spot, at_ms in other.spots.items():
            self.spots[spot] = max(self.spots.get(spot, 0), at_ms)
        self.places += other.places
        self.true += other.true
        self.trust += other.trust

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
        self, stream: Stream, links: Links | None, reviewed_share: float = REVIEWED_SHARE
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
            self._links.learn(pair, is_same=is_same)
        self._open = [one for one in self._open if one.last_at_ms >= at_ms - GAP_MS]
        near = self._graph.neighbours(each.alert.service)
        seen = [found for one in self._open if (found := self._see(each.alert, one, near))]
        chosen = self._ruled(seen) if self._links is None else self._judged(each, seen)
        if chosen:
            mine, chance = chosen[0]
            for other, _ in chosen[1:]:
                self._merge(mine, other)
        else:
            mine, chance = Open(self._count), 0.5
            self._count += 1
            self._open.append(mine)
        if self._links is not None and mine.latest is not None:
            for kind in ("name", "service"):
                self._links.together.learn(
                    f"{kind}={getattr(each.alert, kind)}", f"{kind}={getattr(mine.latest, kind)}"
                )
        mine.take(each, chance)
        return mine.number

    def _see(self, alert: Alert, one: Open, near: Mapping[str, int]) -> Seen | None:
        at_ms = alert.starts_at_ms
        best = (FAR, GAP_MS, False)
        rank, is_ruled = (FAR, GAP_MS, 0), False
        for (service, region), last_at_ms in one.spots.items():
            hops = near.get(service, FAR)
            apart_ms = abs(at_ms - last_at_ms)
            if hops > HOPS or apart_ms > GAP_MS:
                continue
            best = min(best, (hops, apart_ms, region != alert.region))
            if region == alert.region and hops <= RULE_HOPS and apart_ms <= RULE_GAP_MS:
                if one.size < SMALL_ALERTS and (hops > SMALL_HOPS or apart_ms > SMALL_GAP_MS):
                    continue
                rank, is_ruled = min(rank, (hops, apart_ms, -last_at_ms)), True
        if best[0] == FAR:
            return None
        return Seen(rank, is_ruled, best[0], best[1], one)

    @staticmethod
    def _ruled(seen: Sequence[Seen]) -> list[tuple[Open, float]]:
        ruled = sorted((each for each in seen if each.is_ruled), key=lambda each: each.rank)
        return [(each.open, 0.5) for each in ruled[:2]]

    def _judged(self, each: Labelled, seen: Sequence[Seen]) -> list[tuple[Open, float]]:
        assert self._links is not None
        joined = []
        for one in seen:
            pair = self._pair(each.alert, one, seen)
            verdict = self._links.judge(pair)
            joined.append((verdict, one))
            mark = crc32(f"{self._seed}/{one.open.number}".encode()) / 2**32
            if mark < self._share:
                due_ms = each.alert.starts_at_ms + LATE_MS
                self._waiting.append((due_ms, pair, one.open.is_of(each.incident)))
        if not self._links.is_learned:
            return self._ruled(seen)
        good = [(verdict, one) for verdict, one in joined if verdict.is_joined]
        good.sort(key=lambda pair: (-pair[0].chance, pair[1].rank, pair[1].open.number))
        return [(one.open, verdict.chance) for verdict, one in good[:2]]

    def _pair(self, alert: Alert, one: Seen, seen: Sequence[Seen]) -> Pair:
        assert self._links is not None
        found, latest = one.open, one.open.latest
        assert latest is not None
        affinity = sum(
            self._links.together.affinity(
                f"{kind}={getattr(alert, kind)}", f"{kind}={getattr(latest, kind)}"
            )
            for kind in ("name", "service")
        )
        shared = len(set(alert.labels.items()) & set(latest.labels.items()))
        return Pair(
            hops=one.hops,
            apart_ms=one.apart_ms,
            silent_ms=abs(alert.starts_at_ms - found.last_at_ms),
            pace_ms=(found.last_at_ms - found.first_at_ms) // max(1, found.size - 1),
            size=found.size,
            services_count=len({service for service, _ in found.spots}),
            place_share=found.places[alert.region] / found.size,
            name=alert.name,
            latest_name=latest.name,
            affinity=affinity,
            trust=found.trust / found.size,
            shared_labels=shared / max(1, len(alert.labels)),
            rivals_count=sum(each.hops <= one.hops for each in seen) - 1,
            is_ruled=one.is_ruled,
        )

    def _merge(self, mine: Open, other: Open) -> None:
        self._open.remove(other)
        self._into[other.number] = mine.number
        mine.merge(other)
