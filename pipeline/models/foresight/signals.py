"""What is counted of a service as features: the figures that naming.FIGURES names, and marks.

A figure lies within about -1 and 1; the first is 1 and learns the bias. A mark says in which bin a
figure is, or which rules fired lately, alone or in pairs; there are at most 81. Its row is hashed
by BLAKE2b to HASHED_FROM or above, since in a model the rows below are the figures'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from pipeline.domain.foresight import (
    LONG_MS,
    MINUTE_MS,
    NEAR_MAX,
    NEVER,
    SHORT_MS,
    SPANS_MS,
    Counts,
    Question,
    advanced,
    fade,
    watched_ms,
)
from pipeline.domain.model import Features
from pipeline.models.foresight import naming

VERSION: Final = 1
"""Rises whenever the same counts make other features."""

HASHED_FROM: Final = 32
HASHED_BITS: Final = 14
ROWS: Final = HASHED_FROM + (1 << HASHED_BITS)

RULES_LATELY_MAX: Final = 5
"""Rules that are marked, the most unusual first; pairs are made of them."""

FOREIGN_MAX: Final = 1.5
"""A rule that fired less often than this in a week, but for the last half hour, is foreign."""

YOUNG_MS: Final = 3 * 86_400_000
"""Of a service that is known for less nothing is foreign yet: all would be."""

LATELY_MIN: Final = 0.3
"""A rule fired lately whose fading count is above this: once in the last 36 minutes."""

AGE_MAX: Final = 4
"""Of ages as powers of four of minutes: four hours and more."""

CACHE_MAX: Final = 50_000
DAY_MS: Final = 86_400_000


class _Rows(dict[str, int]):
    """Mark → row; emptied at CACHE_MAX, which changes no answer."""

    def __missing__(self, mark: str) -> int:
        if len(self) >= CACHE_MAX:
            self.clear()
        digest = blake2b(mark.encode("utf-8", "replace"), digest_size=4, person=b"foresight.1")
        row = HASHED_FROM + int.from_bytes(digest.digest(), "little") % (ROWS - HASHED_FROM)
        self[mark] = row
        return row


_row_of: Final = _Rows()


class Lately:
    """A service's rules of the last half hour, and how unusual it is that they fired.

    `surprise` and `news` are the counts of rules, each weighted by how rarely it fires anyway, by
    the logarithm and by the inverse; foreign rules are those that hardly ever did. `excess` is by
    how many standard deviations the last half hour was busier than the week.
    """

    def __init__(self, counts: Counts, at_ms: int) -> None:
        self.surprise = self.news = self.foreign = 0.0
        self.foreign_at_ms = NEVER
        self.is_young = at_ms - counts.known_at_ms < YOUNG_MS
        watched = watched_ms(counts, at_ms)
        found: list[tuple[bool, float, str]] = []
        for name, rule in counts.rules.items():
            if at_ms - rule.at_ms > 2 * SHORT_MS:
                continue
            short = rule.short * fade(rule.at_ms, at_ms, SHORT_MS)
            if short > LATELY_MIN:
                before = max(0.0, rule.long * fade(rule.at_ms, at_ms, LONG_MS) - short)
                usual = before * SHORT_MS / watched
                surprise = min(short, 4.0) * math.log(1.0 / (usual + 0.02)) / 4
                self.surprise += surprise
                self.news += min(short, 4.0) / (1.0 + before)
                is_foreign = before < FOREIGN_MAX and not self.is_young
                if is_foreign:
                    self.foreign += short
                    self.foreign_at_ms = max(self.foreign_at_ms, rule.at_ms)
                found.append((not is_foreign, -surprise, name))
        found.sort()
        self.count = len(found)
        self.foreign_count = sum(not each[0] for each in found)
        self.names = [each[2] for each in found[:RULES_LATELY_MAX]]
        self.lately = counts.alerts[1] * fade(counts.at_ms, at_ms, SHORT_MS)
        usual = counts.alerts[3] * SHORT_MS / watched
        self.excess = (self.lately - usual) / math.sqrt(usual + 0.5)


def features(asked: Question) -> Features:
    """The features of a question, each mark with its name for a person."""
    at_ms = asked.at_ms
    now = advanced(asked.counts, at_ms)
    own, around = Lately(now, at_ms), [Lately(each, at_ms) for each in asked.near[:NEAR_MAX]]
    near_surprise = max((each.surprise for each in around), default=0.0)
    near_foreign = max((each.foreign for each in around), default=0.0)
    dense = (*_figures(now, own, at_ms), _log(near_surprise) / 2, _log(near_foreign) / 2)
    marks: dict[int, str] = {}
    for mark in _marks(now, own, around, at_ms):
        marks.setdefault(_row_of[mark], mark)
    rows = sorted(marks)
    return Features(tuple(rows), dense, tuple([naming.of_mark(marks[row]) for row in rows]))


def _marks(now: Counts, own: Lately, around: Sequence[Lately], at_ms: int) -> list[str]:
    near_foreign = max((each.foreign for each in around), default=0.0)
    near_count = max((each.foreign_count for each in around), default=0)
    excess, surprise = _bin(own.excess, 2.0), _bin(own.surprise, 4.0)
    news = _bin(own.news, 4.0)
    foreign = f"{min(own.foreign_count, 5)},{_bin(own.foreign, 3.0)}"
    incident = _age(now.incident_at_ms, at_ms)
    marks = [
        f"e{excess}",
        f"s{surprise},{own.is_young}",
        f"es{excess},{surprise},{own.is_young}",
        f"n{news},{own.is_young}",
        f"en{excess},{news},{own.is_young}",
        f"c{min(own.count, 9)},{min(own.foreign_count, 5)}",
        f"f{foreign}",
        f"fi{foreign},{min(incident // 2, AGE_MAX)}",
        f"fa{foreign},{min(_age(own.foreign_at_ms, at_ms), 6)}",
        f"a{min(near_count, 5)},{_bin(near_foreign, 3.0)}",
        f"i{incident},{excess}",
        f"d{_age(now.change_at_ms, at_ms)}",
        f"t{_bin(now.alerts[0], 2.0)},{_age(now.alert_at_ms, at_ms)}",
    ]
    names, foreign_count = own.names, own.foreign_count
    for place, name in enumerate(names):
        marks += [f"r{name}", f"r{name},{place < foreign_count}"]
        marks += [f"p{min(name, other)}|{max(name, other)}" for other in names[place + 1 :]]
    for each in around:
        marks += [f"q{name}" for name in each.names[: min(3, each.foreign_count)]]
    return marks


def _figures(given: Counts, own: Lately, at_ms: int) -> list[float]:
    alerts, severe = given.alerts, given.severe
    hour = 2 * math.pi * (at_ms % DAY_MS) / DAY_MS
    week = alerts[3] / LONG_MS
    return [
        1.0,
        *(_log(each) / 4 for each in alerts),
        *(_log(each) / 4 for each in severe),
        *(
            math.log((alerts[number] / SPANS_MS[number] + 1e-7) / (week + 1e-7)) / 4
            for number in (0, 1, 2)
        ),
        math.log((severe[1] + 0.1) / (severe[3] * SHORT_MS / LONG_MS + 0.1)) / 4,
        _recent(given.alert_at_ms, at_ms),
        _recent(given.severe_at_ms, at_ms),
        _log(own.count) / 2,
        _log(own.surprise) / 2,
        _log(own.foreign) / 2,
        own.foreign_count / 4,
        own.excess / (2.0 + abs(own.excess)),
        _recent(given.change_at_ms, at_ms),
        _recent(given.incident_at_ms, at_ms),
        _log(given.incidents),
        math.sin(hour) / 2,
        math.cos(hour) / 2,
    ]


def _log(count: float) -> float:
    return math.log1p(max(count, 0.0))


def _recent(instant_ms: int, at_ms: int) -> float:
    """1 at the instant, about a half for half an hour ago, 0 for long ago or never."""
    return 0.0 if instant_ms == NEVER else SHORT_MS / (SHORT_MS + max(at_ms - instant_ms, 0))


def _age(instant_ms: int, at_ms: int) -> int:
    """Of an instant the power of two of its age in minutes, 0 to 9; 9 also for never."""
    if instant_ms == NEVER:
        return 9
    return min(9, (max(at_ms - instant_ms, 0) // MINUTE_MS).bit_length())


def _bin(figure: float, steps: float) -> int:
    """Bins of equal width in the logarithm, -1 below 0, at most 12."""
    return -1 if figure < 0 else min(12, int(steps * math.log1p(figure)))
