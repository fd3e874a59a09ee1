"""Which alarm comes before which: net precedence, counted alarm by alarm.

Two alarms that have nothing to do with each other meet as often in one order as in the other,
however busy the place is, so what remains of (a before b) less (b before a) is excess over chance,
without a rate to estimate. It is counted at one place (a service, a host), between the latest of
each name, so that an alarm that flaps counts once; a pair weighs less the further apart it is
(half at HALF_GAP_MS), and fades with the days (half after HALF_LIFE_DAYS). Where the caller knows
which places depend on each other, alarms of those near count too, for NEAR_SHARE.

What is kept is bounded: NAMES_MAX names and PAIRS_MAX pairs (at the limit the lighter half is
forgotten), PLACES_MAX places (at the limit the one that was silent longest), RECENT_MAX names of
a place. One alarm costs at most MEETINGS_MAX pairs and those of one place more; it looks at
NEAR_MAX near places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from pipeline.domain.model import SnapshotError
from pipeline.domain.precedence import GAP_MS_MAX
from pipeline.models.graph.edges import Edge, Pair, edges_of
from pipeline.models.snapshot.state import read_state

FORMAT: Final = 1
HALF_GAP_MS: Final = 30_000
HALF_LIFE_DAYS: Final = 180
"""The causes of an estate change with its parts: half a year old counts half."""

NAMES_MAX: Final = 1_024
PAIRS_MAX: Final = 8_192
PLACES_MAX: Final = 1_024
RECENT_MAX: Final = 6
NEAR_MAX: Final = 8
MEETINGS_MAX: Final = 6
NEAR_SHARE: Final = 0.5
"""Most effects come where their cause is, and there are more near places than one."""

CHARS_MAX: Final = 200
"""Of a name or a place; what is longer is cut."""

_DAY_MS: Final = 86_400_000
_WEIGHT_MAX: Final = 1e9
"""Newer alarms weigh more instead of older ones less; at this weight all are scaled back."""

_ID_BITS: Final = 32
_ID_MASK: Final = 2**32 - 1


class State(msgspec.Struct, frozen=True, array_like=True):
    """All that is kept; orders are those of use, so that what follows is the same."""

    format: int
    weight: float
    day: int
    next_id: int
    names: list[tuple[str, int, float]]
    places: list[tuple[str, list[tuple[int, int]]]]
    pairs: list[tuple[int, tuple[float, float, float, float]]]


class Precedence:
    """The alarms of one scope, in the order in which they come."""

    def __init__(self) -> None:
        self._weight = 1.0
        self._day = -1
        self._next_id = 0
        self._ids: dict[str, int] = {}
        self._counts: dict[int, float] = {}
        self._places: dict[str, dict[int, int]] = {}
        self._pairs: dict[int, Pair] = {}

    def learn(self, name: str, place: str, at_ms: int, near: Sequence[str] = ()) -> None:
        """An alarm began at a place; `at_ms` is its own time, `near` are the places that depend
        on this one or it on them. One that comes late counts by its time, and two of one instant
        are in no order.
        """
        name, place = name[:CHARS_MAX], place[:CHARS_MAX]
        if at_ms // _DAY_MS > self._day:
            self._next_day(at_ms // _DAY_MS)
        found = self._ids.get(name)
        if found is None:
            found = self._enter(name)
        self._counts[found] += self._weight
        recent = self._places.pop(place, None)
        if recent is None:
            recent = {}
            if len(self._places) >= PLACES_MAX:
                del self._places[next(iter(self._places))]
        self._places[place] = recent
        since_ms = max(recent.get(found, at_ms - GAP_MS_MAX - 1), at_ms - GAP_MS_MAX - 1)
        met = self._follow(recent, found, at_ms, since_ms)
        is_latest = not met
        for each in near[:NEAR_MAX]:
            if met >= MEETINGS_MAX:
                break
            other = self._places.get(each[:CHARS_MAX])
            if other and other is not recent:
                met += self._follow(other, found, at_ms, since_ms, NEAR_SHARE, is_latest)
        recent.pop(found, None)
        recent[found] = at_ms
        if len(recent) > RECENT_MAX:
            del recent[next(iter(recent))]

    def _follow(
        self, recent: dict[int, int], found: int, at_ms: int, since_ms: int,
        share: float = 1.0, is_latest: bool = True,  # noqa: FBT001, FBT002 - on a hot path
    ) -> int:  # fmt: skip
        """Count what came before at a place, and was not followed by this name since; how many."""
        met, weight = 0, share * self._weight * HALF_GAP_MS
        for other, then_ms in reversed(recent.items()):
            if other == found or then_ms <= since_ms:
                break
            if then_ms < at_ms:
                weighs = weight / (HALF_GAP_MS + at_ms - then_ms)
                self._meet(other, found, weighs, is_latest)
                is_latest = False
                met += 1
        return met

    def _meet(self, before: int, after: int, weight: float, is_latest: bool) -> None:  # noqa: FBT001 - on a hot path
        if before < after:
            key, net = before << _ID_BITS | after, weight
        else:
            key, net = after << _ID_BITS | before, -weight
        pair = self._pairs.get(key)
        if pair is None:
            if len(self._pairs) >= PAIRS_MAX:
                self._forget_pairs()
            pair = self._pairs[key] = [0.0, 0.0, 0.0, 0.0]
        square = weight * weight
        pair[0] += net
        pair[1] += square
        if is_latest:
            pair[2] += net
            pair[3] += square

    def _next_day(self, day: int) -> None:
        """One day at a time, whatever a clock says: a year's jump must not make all that was
        learned weightless.
        """
        self._day = day if self._day < 0 else self._day + 1
        self._weight *= math.exp(math.log(2.0) / HALF_LIFE_DAYS)
        if self._weight > _WEIGHT_MAX:
            back = 1.0 / self._weight
            for pair in self._pairs.values():
                pair[:] = [pair[0] * back, pair[1] * back**2, pair[2] * back, pair[3] * back**2]
            self._counts = {each: count * back for each, count in self._counts.items()}
            self._weight = 1.0

    def _enter(self, name: str) -> int:
        if len(self._ids) >= NAMES_MAX:
            self._forget_names()
        found, self._next_id = self._next_id, self._next_id + 1
        self._ids[name] = found
        self._counts[found] = 0.0
        return found

    def _forget_names(self) -> None:
        bar = sorted(self._counts.values())[NAMES_MAX // 2]
        lately = list(self._ids.values())[-NAMES_MAX // 8 :]
        # A storm of names that come once must not push out each other before they come again,
        # so the newest stay whatever they weigh.
        kept = {each: count for each, count in self._counts.items() if count > bar}
        kept.update((each, self._counts[each]) for each in lately)
        self._counts = kept
        self._ids = {name: each for name, each in self._ids.items() if each in kept}
        self._pairs = {
            key: pair
            for key, pair in self._pairs.items()
            if key >> _ID_BITS in kept and key & _ID_MASK in kept
        }
        self._places = {
            place: {each: at_ms for each, at_ms in recent.items() if each in kept}
            for place, recent in self._places.items()
        }

    def _forget_pairs(self) -> None:
        bar = sorted(pair[1] for pair in self._pairs.values())[PAIRS_MAX // 2]
        self._pairs = {key: pair for key, pair in self._pairs.items() if pair[1] > bar}

    def edges(self) -> tuple[Edge, ...]:
        """The graph as of now, the strongest edge first."""
        names = {each: name for name, each in self._ids.items()}
        pairs = {
            (names[key >> _ID_BITS], names[key & _ID_MASK]): pair
            for key, pair in self._pairs.items()
        }
        return edges_of(sorted(names.values()), pairs, self._weight)

    def snapshot(self) -> bytes:
        """All that it has learned, as msgpack."""
        return msgspec.msgpack.encode(
            State(
                FORMAT,
                self._weight,
                self._day,
                self._next_id,
                [(name, each, self._counts[each]) for name, each in self._ids.items()],
                [(place, list(recent.items())) for place, recent in self._places.items()],
                [(key, (pair[0], pair[1], pair[2], pair[3])) for key, pair in self._pairs.items()],
            )
        )

    @classmethod
    def restore(cls, raw: bytes) -> Precedence:
        """The graph of `snapshot`. Raises SnapshotError: `format` of another version, `content`
        where it can not be read.
        """
        state = read_state(raw, State, "graph", {"format": FORMAT})
        found = cls()
        found._weight, found._day, found._next_id = state.weight, state.day, state.next_id
        found._ids = {name: each for name, each, _ in state.names}
        found._counts = {each: count for _, each, count in state.names}
        found._places = {place: dict(recent) for place, recent in state.places}
        found._pairs = {key: list(pair) for key, pair in state.pairs}
        named = {each for key in found._pairs for each in (key >> _ID_BITS, key & _ID_MASK)}
        named.update(each for recent in found._places.values() for each in recent)
        if not named <= found._counts.keys() or not state.weight > 0:
            raise SnapshotError("content", "the graph names alarms that it does not hold")
        return found
