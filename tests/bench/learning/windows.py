"""How NAB judges a detector: what a detection is worth by its place, and the threshold that is
worth most (Lavin and Ahmad 2015, arXiv 1510.03336; numenta/NAB).

Inside a window only the best detection counts, and the earlier the better; a missed window costs;
a detection outside costs the more the further it lies behind the last window. The first 15 % of a
series, at most 750 points, count for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NO_WINDOW: Final = -1
STEEPNESS: Final = 5.0
FAR: Final = 3.0
"""Widths behind a window from which on a false detection costs in full."""

PROBATION_SHARE: Final = 0.15
PROBATION_POINTS_MAX: Final = 750


@dataclass(frozen=True)
class Profile:
    """What is thought of hits, misses and false detections."""

    hit: float
    miss: float
    false: float


PROFILES: Final[Mapping[str, Profile]] = {
    "standard": Profile(hit=1.0, miss=1.0, false=0.11),
    "low FP": Profile(hit=1.0, miss=1.0, false=0.22),
    "low FN": Profile(hit=1.0, miss=2.0, false=0.11),
}


@dataclass(frozen=True)
class Field:
    """One series as the judge sees it: per point its window (or NO_WINDOW) and its worth, from -1
    to 1; points before `first` count for nothing.
    """

    windows: Sequence[int]
    worths: Sequence[float]
    first: int
    windows_count: int


@dataclass(frozen=True)
class Verdict:
    """The worth of one series or many at one threshold, in points, and what it is made of."""

    worth: float
    hits: int = 0
    windows: int = 0
    false: int = 0


def total(verdicts: Iterable[Verdict]) -> Verdict:
    """Those of several series as one: worth is a sum."""
    found = list(verdicts)
    return Verdict(
        math.fsum(each.worth for each in found),
        sum(each.hits for each in found),
        sum(each.windows for each in found),
        sum(each.false for each in found),
    )


def worth(position: float) -> float:
    """From about 1 at the left edge of a window (-1) by 0 at its right edge (0) to -1 behind it."""
    return -1.0 if position > FAR else math.tanh(-STEEPNESS * position / 2)


def probation(points_count: int) -> int:
    """The index of the first point that counts."""
    return math.ceil(min(math.floor(PROBATION_SHARE * points_count), float(PROBATION_POINTS_MAX)))


def field(times: Sequence[str], windows: Sequence[tuple[str, str]]) -> Field:
    """A series of times with its windows, first and last time of each, in order of time."""
    places = {time: index for index, time in reversed(list(enumerate(times)))}
    edges = [(places[start], places[end]) for start, end in windows]
    inside, worths = [NO_WINDOW] * len(times), [-1.0] * len(times)
    for number, (left, right) in enumerate(edges):
        width = right - left + 1
        following = edges[number + 1][0] if number + 1 < len(edges) else len(times)
        for index in range(left, right + 1):
            inside[index] = number
            worths[index] = worth(-(right - index + 1) / width) / worth(-1.0)
        for index in range(right + 1, following):
            worths[index] = worth((index - right) / (width - 1))
    return Field(inside, worths, probation(len(times)), len(edges))


def judge(
    series: Sequence[tuple[Field, Sequence[float]]], threshold: float, profile: Profile
) -> Verdict:
    """The verdict on series and their scores where a score of `threshold` and above detects."""
    return [one for one in _sweep(series, profile, threshold) if one[0] >= threshold][-1][1]


def sweep(
    series: Sequence[tuple[Field, Sequence[float]]], profile: Profile
) -> tuple[float, Verdict]:
    """The threshold that is worth most, the highest of them, and its verdict."""
    best = (math.inf, Verdict(-math.inf))
    for threshold, verdict in _sweep(series, profile, -math.inf):
        if verdict.worth > best[1].worth:
            best = (threshold, verdict)
    return best


def normalised(total: float, windows_count: int, profile: Profile) -> float:
    """0 for who detects nothing, 100 for who hits every window at its left edge."""
    nothing, perfect = -profile.miss * windows_count, profile.hit * windows_count
    return 100.0 * (total - nothing) / (perfect - nothing)


def _sweep(
    series: Sequence[tuple[Field, Sequence[float]]], profile: Profile, lowest: float
) -> list[tuple[float, Verdict]]:
    """Every threshold that makes a difference, from infinity down, with its verdict."""
    ranked = sorted(
        (
            (score, number, index)
            for number, (field_, scores) in enumerate(series)
            for index, score in enumerate(scores)
            if index >= field_.first and score >= lowest
        ),
        key=lambda one: -one[0],
    )
    parts: dict[tuple[int, int], float] = {}
    windows = sum(field_.windows_count for field_, _ in series)
    false_worth, false_count = 0.0, 0
    hit_worth = -profile.miss * windows
    made: list[tuple[float, Verdict]] = []
    threshold = math.inf
    for score, number, index in ranked:
        if score != threshold:
            made.append(
                (threshold, Verdict(hit_worth + false_worth, len(parts), windows, false_count))
            )
            threshold = score
        field_ = series[number][0]
        window = field_.windows[index]
        if window == NO_WINDOW:
            false_worth += profile.false * field_.worths[index]
            false_count += 1
            continue
        before = parts.get((number, window), -profile.miss)
        after = max(before, profile.hit * field_.worths[index])
        hit_worth += after - before
        parts[number, window] = after
    made.append((threshold, Verdict(hit_worth + false_worth, len(parts), windows, false_count)))
    return made
