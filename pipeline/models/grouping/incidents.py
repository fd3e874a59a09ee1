"""Alerts of one scope into groups, alert by alert: what is usual stands, what is news is together.

An alert whose signature is usual at its host joins that signature's standing group, which nobody
need look at. News opens an episode; more news joins it, from whatever host, as long as no more
than QUIET_MS pass between, and so do the signatures that it began with. Attacks and outages are
news on several signatures at once and close together; separate ones stay apart since the usual,
which would bridge them, is not in episodes. Where more episodes open in a day than people can
look at, what is news must be rarer.

What is kept is bounded: HABITS_MAX signatures (at the limit the less usual half is forgotten, but
for the newest; one that comes back is news) and SIGNATURES_MAX of the episode. An episode ends
after EPISODE_MS_MAX whatever comes.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from pipeline.models.grouping.habit import NEWS_MS, Habit, visit
from pipeline.models.snapshot.state import read_state

FORMAT: Final = 1
QUIET_MS: Final = 7_000
EPISODES_PER_DAY: Final = 40.0
"""With so many in a day (fading) NEWS_MS holds; with twice as many it is four times as long."""

EPISODE_MS_MAX: Final = 3_600_000
LATE_MS: Final = 300_000
"""An alert that is later than this says that the clock was set back."""

_DAY_MS: Final = 86_400_000
STEP_MS_MAX: Final = _DAY_MS
"""Silence longer than a day counts as a day, whether it was silence or a clock that jumped."""

HABITS_MAX: Final = 4_096
SIGNATURES_MAX: Final = 1_024
CHARS_MAX: Final = 200
"""Of a host or a signature; what is longer is cut."""

_SEPARATOR: Final = "\x1f"


class Placed(msgspec.Struct, frozen=True):
    """Where an alert went: the number of its group, whether it opened it, whether it is news."""

    group: int
    is_opening: bool
    is_news: bool


class State(msgspec.Struct, frozen=True, array_like=True):
    """All that is kept."""

    format: int
    at_ms: int
    watched_ms: int
    next_group: int
    episode: int
    episode_from: int
    episode_to: int
    opened: float
    opened_at: int
    signatures: list[str]
    habits: list[tuple[str, Habit]]


class Grouping:
    """The alerts of one scope, in the order in which they come."""

    def __init__(self) -> None:
        self._at_ms: int | None = None
        self._watched_ms = 0
        self._next_group = 0
        self._episode = -1
        self._episode_from = 0
        self._episode_to = 0
        self._opened = 0.0
        self._opened_at = 0
        self._signatures: dict[str, None] = {}
        self._habits: dict[str, Habit] = {}

    def learn(self, host: str, signature: str, at_ms: int) -> Placed:
        """Place an alert and learn from it; `at_ms` is its own time."""
        now_ms = self._watch(at_ms)
        key = host[:CHARS_MAX] + _SEPARATOR + signature[:CHARS_MAX]
        habit = self._habits.get(key)
        if habit is None:
            if len(self._habits) >= HABITS_MAX:
                self._forget()
            habit = self._habits[key] = Habit(faded_at=now_ms, burst_at=now_ms)
        is_news = visit(habit, now_ms) or habit.gap_ms >= self._news_ms(now_ms)
        is_open = (
            self._episode >= 0
            and now_ms - self._episode_to <= QUIET_MS
            and now_ms - self._episode_from <= EPISODE_MS_MAX
        )
        if is_news or (is_open and key in self._signatures):
            if not is_open:
                self._open(now_ms)
            self._episode_to = now_ms
            if len(self._signatures) < SIGNATURES_MAX:
                self._signatures[key] = None
            return Placed(self._episode, not is_open, is_news=True)
        is_opening = habit.group < 0
        if is_opening:
            habit.group = self._new_group()
        return Placed(habit.group, is_opening, is_news=False)

    def _watch(self, at_ms: int) -> int:
        """The scope's own clock: it goes with the alerts, never back, and never far at once."""
        if self._at_ms is None or at_ms < self._at_ms - LATE_MS:
            self._at_ms = at_ms
        elif at_ms > self._at_ms:
            self._watched_ms += min(at_ms - self._at_ms, STEP_MS_MAX)
            self._at_ms = at_ms
        return self._watched_ms

    def _lately(self, now_ms: int) -> float:
        """Episodes of the last day, the older the less."""
        return self._opened * math.exp((self._opened_at - now_ms) / _DAY_MS)

    def _news_ms(self, now_ms: int) -> float:
        return NEWS_MS * max(1.0, self._lately(now_ms) / EPISODES_PER_DAY) ** 2

    def _open(self, now_ms: int) -> None:
        self._opened, self._opened_at = self._lately(now_ms) + 1.0, now_ms
        self._episode, self._episode_from = self._new_group(), now_ms
        self._signatures = {}

    def _new_group(self) -> int:
        found, self._next_group = self._next_group, self._next_group + 1
        return found

    def _forget(self) -> None:
        bar = sorted(habit.visits for habit in self._habits.values())[HABITS_MAX // 2]
        lately = len(self._habits) - HABITS_MAX // 8
        self._habits = {
            key: habit
            for number, (key, habit) in enumerate(self._habits.items())
            if habit.visits > bar or number >= lately
        }

    def snapshot(self) -> bytes:
        """All that it has learned, as msgpack."""
        return msgspec.msgpack.encode(
            State(
                FORMAT,
                -1 if self._at_ms is None else self._at_ms,
                self._watched_ms,
                self._next_group,
                self._episode,
                self._episode_from,
                self._episode_to,
                self._opened,
                self._opened_at,
                list(self._signatures),
                list(self._habits.items()),
            )
        )

    @classmethod
    def restore(cls, raw: bytes) -> Grouping:
        """The groups of `snapshot`. Raises SnapshotError: `format` of another version, `content`
        where it can not be read.
        """
        state = read_state(raw, State, "groups", {"format": FORMAT})
        found = cls()
        found._at_ms = state.at_ms if state.habits else None
        found._watched_ms, found._next_group = state.watched_ms, state.next_group
        found._episode, found._episode_from = state.episode, state.episode_from
        found._episode_to = state.episode_to
        found._opened, found._opened_at = state.opened, state.opened_at
        found._signatures = dict.fromkeys(state.signatures)
        found._habits = dict(state.habits)
        return found
