"""How usual one signature is at one host: how often it comes, and how many at a time.

A visit is one or more alerts of a signature with less than VISIT_MS between them, so that a
chatty signature is not thought usual after one burst. From visits and the time that the scope was
watched follows the mean gap between visits, about as a Gamma prior gives it: half a visit in half
of NEWS_MS more than was seen, so that the first alert of all is news, and the first alert of a
signature the more so the longer the scope was watched without it. What happened four weeks ago
counts for about a third.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

NEWS_MS: Final = 8 * 3_600_000
"""What comes less often than once a shift is news."""

VISIT_MS: Final = 60_000
FADE_MS: Final = 28 * 86_400_000
BURST_MS: Final = 10_000
BURST_FACTOR: Final = 4
BURST_MIN: Final = 4
"""More than BURST_FACTOR times the most that ever came in BURST_MS, and this many more, is news
however usual a signature is.
"""


class Habit(Struct, array_like=True):
    """One signature at one host. Instants are of the scope's own clock, in milliseconds.

    `visits` fades; `gap_ms` is the mean gap when the visit began; `count` are the alerts since
    `burst_at`, at most BURST_MS ago, and `count_max` the most that there were before.
    """

    group: int = -1
    visits: float = 0.0
    faded_at: int = 0
    last_at: int = -VISIT_MS - 1
    gap_ms: float = 0.0
    burst_at: int = 0
    count: int = 0
    count_max: float = 1.0


def visit(habit: Habit, now_ms: int) -> bool:
    """Take an alert; whether more come at a time than ever did. `now_ms` is the time that the
    scope was watched, which never goes back.
    """
    if now_ms - habit.last_at > VISIT_MS:
        faded = math.exp((habit.faded_at - now_ms) / FADE_MS)
        habit.visits *= faded
        habit.count_max = max(1.0, habit.count_max * faded)
        habit.faded_at = now_ms
        habit.gap_ms = (watched_ms(now_ms) + NEWS_MS / 2) / (habit.visits + 0.5)
        habit.visits += 1.0
    habit.last_at = now_ms
    if now_ms - habit.burst_at > BURST_MS:
        habit.count_max = max(habit.count_max, float(habit.count))
        habit.burst_at, habit.count = now_ms, 0
    habit.count += 1
    return habit.count >= BURST_FACTOR * habit.count_max + BURST_MIN


def watched_ms(now_ms: int) -> float:
    """How long a scope was watched, of which what is long ago counts as little as its visits."""
    return FADE_MS * (1.0 - math.exp(-now_ms / FADE_MS))
