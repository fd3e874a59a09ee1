"""One series, point by point: what is seen of a point, and whether it is an anomaly.

The first WAITING_POINTS are only gathered, since their usual size is the unit of the curve; then
they are taken in their order. Until LEARNING_POINTS were taken everything is a record, and
nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from pipeline.domain.series import VIEWS_MAX, Reading
from pipeline.models.anomaly.alarm import Alarm, AlarmState, Setting, is_chance
from pipeline.models.anomaly.season import SeasonState
from pipeline.models.anomaly.tail import TailState
from pipeline.models.anomaly.views import NAMES, NUMBER_MAX, ScaleState, Seen, Views

WAITING_POINTS: Final = 32
LEARNING_POINTS: Final = 100
DOUBT_POINTS: Final = 200.0
"""After so many points a record counts half: among few, many are."""

COUNT_MAX: Final = 1_000_000
UNIT_MIN: Final = 1e-100

BAND_SPREADS: Final = 3.0
"""Half the width of the band that a reading shows."""

AT_MS_MAX: Final = 2**53


class SeriesState(Struct, frozen=True, array_like=True):
    """A series as it is kept; `unit` is 0 and the states are missing while it waits."""

    count: int
    unit: float
    is_counting: bool
    waiting: list[tuple[int, float]]
    alarm: AlarmState
    season: SeasonState | None = None
    plain: ScaleState | None = None
    curved: ScaleState | None = None
    tails: tuple[TailState, TailState] | None = None


class Series:
    """The state of one series between two points: bounded, whatever comes."""

    __slots__ = ("_alarm", "_count", "_is_counting", "_setting", "_views", "_waiting")

    def __init__(self, setting: Setting | None = None) -> None:
        self._setting = setting or Setting()
        self._alarm = Alarm(self._setting)
        self._count = 0
        self._is_counting = True
        self._views: Views | None = None
        self._waiting: list[tuple[int, float]] = []

    def observe(self, at_ms: int, value: float) -> Reading:
        """The next point. A value that is no finite number changes nothing; times are taken as
        they come.
        """
        if not math.isfinite(value):
            return Reading(at_ms=at_ms, value=value)
        place = min(max(at_ms, -AT_MS_MAX), AT_MS_MAX)
        number = min(max(value, -NUMBER_MAX), NUMBER_MAX)
        self._is_counting = self._is_counting and number >= 0.0 and number == math.floor(number)
        if self._views is None:
            self._gather(place, number)
            return Reading(at_ms=at_ms, value=value)
        self._count = min(self._count + 1, COUNT_MAX)
        seen = self._views.see(place, number)
        if self._count < LEARNING_POINTS:
            return Reading(at_ms=at_ms, value=value)
        return self._read(self._views, seen, at_ms, value)

    def _gather(self, at_ms: int, number: float) -> None:
        self._waiting.append((at_ms, number))
        if len(self._waiting) < WAITING_POINTS:
            return
        self._views = Views(unit(each for _, each in self._waiting), self._half_life)
        for at, each in self._waiting:
            self._views.see(at, each)
        self._count, self._waiting = len(self._waiting), []

    @property
    def _half_life(self) -> float:
        return self._setting.half_life_points

    def _read(self, views: Views, seen: Seen, at_ms: int, value: float) -> Reading:
        strength = seen.strength * self._count / (self._count + DOUBT_POINTS)
        expected = views.straight(seen.usual)
        if strength and self._is_counting:
            size = views.tails[0].size
            strength = 0.0 if is_chance(expected, size, seen.residuals) else strength
        return Reading(
            at_ms=at_ms,
            value=value,
            is_learned=True,
            is_anomaly=self._alarm.take(strength),
            strength=strength,
            expected=expected,
            low=views.straight(seen.usual - BAND_SPREADS * seen.spread),
            high=views.straight(seen.usual + BAND_SPREADS * seen.spread),
            views=spoken(seen.margins) if strength else (),
        )

    def state(self) -> SeriesState:
        """What `restore` takes back."""
        begun = (self._count, 0.0, self._is_counting, list(self._waiting), self._alarm.state())
        views = self._views
        if views is None:
            return SeriesState(*begun)
        season, plain, curved = views.season.state(), views.plain.state(), views.curved.state()
        tails = (views.tails[0].state(), views.tails[1].state())
        return SeriesState(begun[0], views.unit, *begun[2:], season, plain, curved, tails)

    def restore(self, state: SeriesState) -> None:
        """Be what that state was of. Raises ValueError where it has another shape."""
        if len(state.waiting) >= WAITING_POINTS:
            raise ValueError(f"a series waits for less than {WAITING_POINTS} points")
        self._count, self._is_counting = state.count, state.is_counting
        self._waiting, self._views = list(state.waiting), None
        self._alarm.restore(state.alarm)
        season, plain, curved, tails = state.season, state.plain, state.curved, state.tails
        if season is None or plain is None or curved is None or tails is None:
            return
        if not UNIT_MIN <= state.unit <= NUMBER_MAX:
            raise ValueError("a series has a unit above 0")
        self._views = Views(state.unit, self._half_life)
        self._views.season.restore(season)
        self._views.plain.restore(plain)
        self._views.curved.restore(curved)
        for tail, kept in zip(self._views.tails, tails, strict=True):
            tail.restore(kept)


def unit(numbers: Iterable[float]) -> float:
    """The usual size of numbers: the median of their sizes, their mean where most are 0, else 1."""
    sizes = sorted(abs(each) for each in numbers)
    middle = sizes[len(sizes) // 2] if sizes else 0.0
    usual = middle or math.fsum(sizes) / max(len(sizes), 1) or 1.0
    return min(max(usual, UNIT_MIN), NUMBER_MAX)


def spoken(margins: list[float]) -> tuple[str, ...]:
    """The names of the views that are beyond their envelope, the furthest first, both scales
    as one.
    """
    count = len(NAMES)
    loud = {name: max(margins[place], margins[place + count]) for place, name in enumerate(NAMES)}
    ranked = sorted((name for name in loud if loud[name] > 0.0), key=lambda name: -loud[name])
    return tuple(ranked[:VIEWS_MAX])
