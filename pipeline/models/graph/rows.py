"""The same counts as `precedence` makes, in rows: one for each alarm, a short one for each place.

So that a stage need not keep a graph as one value, what precedes an alarm stands in that alarm's
row: an alarm that begins changes its own row and that of its place, whatever else is known. Weights
fade as a row is changed, instead of newer ones weighing more. What is kept is bounded: BEFORE_MAX
alarms of a row (at the limit the lightest is forgotten), RECENT_MAX of a place; the rows are
whose stage they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.domain.precedence import GAP_MS_MAX, Before, KeptAlarm, KeptPlace, Link, Met
from pipeline.models.graph.edges import Pair, edges_of
from pipeline.models.graph.precedence import (
    HALF_GAP_MS,
    HALF_LIFE_DAYS,
    MEETINGS_MAX,
    NEAR_SHARE,
    RECENT_MAX,
)

BEFORE_MAX: Final = 16

REPEAT_MS: Final = 1_000
"""What begins again so soon, with nothing between, is one beginning: of a rule that fires for each
of a thousand instances one is enough."""

COUNT_MAX: Final = 256
"""At so many both counts of an alarm are halved."""

USUAL_MEMORY: Final = 16
"""The gap is a mean over about so many."""

WEIGHT_MIN: Final = 1e-4
DAYS_MAX: Final = 20 * HALF_LIFE_DAYS
"""Later than this nothing is left."""


class RowedPrecedence:
    """A `domain.precedence.Precedes`."""

    def begins(
        self, place: KeptPlace | None, near: Iterable[KeptPlace | None], alarm: str, at_ms: int
    ) -> tuple[KeptPlace, tuple[Met, ...]]:
        """See the protocol."""
        recent = place.recent if place is not None else ()
        if place is not None and recent:
            last, then_ms = recent[-1]
            if last == alarm and abs(at_ms - then_ms) < REPEAT_MS:
                return place, ()
        floor_ms = at_ms - GAP_MS_MAX - 1
        own_ms = next((then_ms for each, then_ms in recent if each == alarm), floor_ms)
        since_ms = max(own_ms, floor_ms)
        met = _followed(recent, alarm, at_ms, since_ms, 1.0, is_latest=True)
        is_latest = not met
        if len(met) < MEETINGS_MAX:
            for other in near:
                if other is not None and other is not place:
                    met += _followed(
                        other.recent, alarm, at_ms, since_ms, NEAR_SHARE, is_latest=is_latest
                    )
                    if len(met) >= MEETINGS_MAX:
                        break
        kept = [each for each in recent if each[0] != alarm]
        return KeptPlace((*kept[-RECENT_MAX + 1 :], (alarm, at_ms))), tuple(met)

    def learned(self, kept: KeptAlarm | None, name: str, met: Iterable[Met], day: int) -> KeptAlarm:
        """See the protocol. A day that is earlier than the row's counts as that one."""
        if kept is None:
            count, before = 1, {}
        else:
            count, before = kept.count + 1, faded(kept, day)
            day = max(day, kept.day)
        for each in met:
            known = before.get(each.alarm)
            if known is None and len(before) >= BEFORE_MAX:
                del before[min(before, key=lambda alarm: (before[alarm].squares, alarm))]
            before[each.alarm] = _added(known, each)
        if count >= COUNT_MAX:
            count //= 2
            before = {alarm: _halved(one) for alarm, one in before.items()}
        return KeptAlarm(name, day, count, before)

    def links(
        self, alarms: Mapping[str, KeptAlarm], day: int
    ) -> tuple[Mapping[str, int], list[Link]]:
        """See the protocol."""
        known = {
            alarm: alarms[alarm].before if alarms[alarm].day >= day else faded(alarms[alarm], day)
            for alarm in sorted(alarms)
        }
        pairs: dict[tuple[str, str], Pair] = {}
        for effect, before in known.items():
            for cause, one in before.items():
                if cause in known:
                    _pair(pairs, cause, effect, one)
        edges = edges_of(list(known), pairs, 1.0)
        places: dict[str, int] = {}
        found = []
        for edge in edges:
            seen = known[edge.effect].get(edge.cause)
            found.append(
                Link(
                    places.setdefault(edge.cause, len(places)),
                    places.setdefault(edge.effect, len(places)),
                    edge.strength,
                    edge.is_direct,
                    seen.usual_ms if seen else 0,
                    min(1.0, seen.count / max(1, alarms[edge.effect].count)) if seen else 0.0,
                )
            )
        return places, found


def faded(kept: KeptAlarm, day: int) -> dict[str, Before]:
    """What came before an alarm as it weighs on a day; a row of tomorrow weighs as it is."""
    days = day - kept.day
    if days <= 0:
        return dict(kept.before)
    fade = math.exp(-math.log(2.0) * min(days, DAYS_MAX) / HALF_LIFE_DAYS)
    square = fade * fade
    return {
        alarm: Before(
            one.weight * fade,
            one.squares * square,
            one.last_weight * fade,
            one.last_squares * square,
            one.usual_ms,
            one.count,
        )
        for alarm, one in kept.before.items()
        if one.weight * fade >= WEIGHT_MIN
    }


def _followed(
    recent: Iterable[tuple[str, int]],
    alarm: str,
    at_ms: int,
    since_ms: int,
    share: float,
    *,
    is_latest: bool,
) -> list[Met]:
    """What came before at a place, and was not followed by this alarm since."""
    met = []
    for other, then_ms in reversed(tuple(recent)):
        if other == alarm or then_ms <= since_ms:
            break
        if then_ms < at_ms:
            gap_ms = at_ms - then_ms
            weight = share * HALF_GAP_MS / (HALF_GAP_MS + gap_ms)
            met.append(Met(other, gap_ms, weight, is_latest))
            is_latest = False
    return met


def _added(known: Before | None, met: Met) -> Before:
    square = met.weight * met.weight
    last, last_square = (met.weight, square) if met.is_latest else (0.0, 0.0)
    if known is None:
        return Before(met.weight, square, last, last_square, met.gap_ms, 1)
    count = known.count + 1
    nearer_ms = (met.gap_ms - known.usual_ms) // min(count, USUAL_MEMORY)
    return Before(
        known.weight + met.weight,
        known.squares + square,
        known.last_weight + last,
        known.last_squares + last_square,
        known.usual_ms + nearer_ms,
        count,
    )


def _halved(one: Before) -> Before:
    return Before(
        one.weight, one.squares, one.last_weight, one.last_squares, one.usual_ms, one.count // 2
    )


def _pair(pairs: dict[tuple[str, str], Pair], cause: str, effect: str, one: Before) -> None:
    """Add one direction of a pair; the sums of `edges_of` are of the first before the second."""
    key, sign = ((cause, effect), 1.0) if cause < effect else ((effect, cause), -1.0)
    pair = pairs.get(key)
    if pair is None:
        pair = pairs[key] = [0.0, 0.0, 0.0, 0.0]
    pair[0] += sign * one.weight
    pair[1] += one.squares
    pair[2] += sign * one.last_weight
    pair[3] += one.last_squares
