"""How well incidents were foreseen, by the scores that were given before them.

An alarm is a score at or above a threshold where the service had none for 30 minutes. It is false
where no incident of its service opens in the 30 minutes after it; an incident is foreseen where an
alarm came in the 30 minutes before. PR-AUC is the average precision over all scored points.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Final, NamedTuple

HORIZON_MS: Final = 1_800_000
DAY_MS: Final = 86_400_000
THRESHOLDS: Final = 400


class Point(NamedTuple):
    """One score of one service at one instant."""

    at_ms: int
    service: str
    score: float


class Reached(NamedTuple):
    """At one threshold: the share of incidents that were foreseen, false alarms a day, and the
    median minutes between alarm and incident (0 where none was foreseen).
    """

    recall: float
    false_per_day: float
    lead_min: float


Openings = Mapping[str, Sequence[int]]
"""By service, the instants at which its incidents opened, ascending."""


def openings(incidents: Iterable[tuple[str, int]]) -> Openings:
    """Incidents (service, instant) by service."""
    found: dict[str, list[int]] = defaultdict(list)
    for service, at_ms in incidents:
        found[service].append(at_ms)
    return {service: sorted(instants) for service, instants in found.items()}


def is_followed(point: Point, opened: Openings) -> bool:
    """Whether an incident of its service opens within the horizon after a point."""
    instants = opened.get(point.service, ())
    after = bisect_right(instants, point.at_ms)
    return after < len(instants) and instants[after] <= point.at_ms + HORIZON_MS


def average_precision(scored: Iterable[tuple[float, bool]]) -> float:
    """The mean precision over the true ones, equal scores as one step; 0 where none is true."""
    ranked = sorted(scored, key=lambda each: -each[0])
    total = sum(each[1] for each in ranked)
    seen = hits = 0
    found = 0.0
    for _, same in groupby(ranked, key=lambda each: each[0]):
        step = [each[1] for each in same]
        seen, hits = seen + len(step), hits + sum(step)
        found += sum(step) * hits / seen
    return found / total if total else 0.0


def reached(points: Iterable[Point], opened: Openings, threshold: float, days: float) -> Reached:
    """What alarms at a threshold reach; `points` in the order of their instants."""
    silent_until: dict[str, int] = {}
    warned: dict[tuple[str, int], int] = {}
    false = 0
    for point in points:
        if point.score < threshold or point.at_ms < silent_until.get(point.service, 0):
            continue
        silent_until[point.service] = point.at_ms + HORIZON_MS
        instants = opened.get(point.service, ())
        first = bisect_right(instants, point.at_ms)
        last = bisect_right(instants, point.at_ms + HORIZON_MS)
        if first == last:
            false += 1
        for at_ms in instants[first:last]:
            warned.setdefault((point.service, at_ms), at_ms - point.at_ms)
    total = sum(map(len, opened.values()))
    lead_min = median(warned.values()) / 60_000 if warned else 0.0
    return Reached(len(warned) / total if total else 0.0, false / days, lead_min)


def best(points: Sequence[Point], opened: Openings, days: float, false_max: float) -> Reached:
    """The most that is foreseen by one threshold with at most `false_max` false alarms a day."""
    ranked = sorted((each.score for each in points), reverse=True)
    found = Reached(0.0, 0.0, 0.0)
    # A day's false alarms bound how many points can matter: each silences six at most.
    count = min(len(ranked), int(20 * (false_max * days + sum(map(len, opened.values())))))
    top = [each for each in points if each.score >= ranked[count - 1]]
    for step in range(1, THRESHOLDS + 1):
        threshold = ranked[max(0, count * step // THRESHOLDS - 1)]
        figures = reached(top, opened, threshold, days)
        if figures.false_per_day <= false_max and figures.recall > found.recall:
            found = figures
    return found


def within(opened: Openings, from_ms: int, to_ms: int) -> Openings:
    """The openings after `from_ms` and up to `to_ms`."""
    return {
        service: instants[bisect_right(instants, from_ms) : bisect_left(instants, to_ms + 1)]
        for service, instants in opened.items()
    }
