"""Precedence: which alarm of a scope comes before which, and how that is kept and published.

An alarm is a rule on a service. A stage keeps a `KeptAlarm` for each and, for a short while, a
`KeptPlace` for each place where alarms began, and knows the counting by this protocol only. All is
deterministic: the same alarms in the same order make the same rows on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from msgspec import Struct

GRAPH_PREFIX: Final = "graph@"
"""Graphs stand on `models` under this and the scope's id."""

GAP_MS_MAX: Final = 900_000
"""Alarms that are further apart have nothing to do with each other."""


class KeptPlace(Struct, frozen=True, array_like=True):
    """What began lately at one place: (alarm, Unix milliseconds), the one used last at the end."""

    recent: tuple[tuple[str, int], ...] = ()


class Before(Struct, frozen=True, array_like=True):
    """What was seen of one alarm before another: the sum of weights and of their squares, both
    again where nothing else came between; by how much it comes before, and how often it did.
    """

    weight: float
    squares: float
    last_weight: float
    last_squares: float
    usual_ms: int
    count: int


class KeptAlarm(Struct, frozen=True, array_like=True):
    """All that is known of what comes before one alarm. `day` (since 1970) is that of the weights,
    `count` how often it began; both counts are halved together, so that their share is of late.
    """

    name: str
    day: int
    count: int = 0
    before: dict[str, Before] = {}


class Met(Struct, frozen=True):
    """An alarm that came `gap_ms` before the one that begins; `is_latest` says that nothing came
    between.
    """

    alarm: str
    gap_ms: int
    weight: float
    is_latest: bool


class Link(Struct, frozen=True, array_like=True):
    """One alarm comes before another more often than chance has it.

    `cause` and `effect` are places in the graph's `alarms`. `strength` is in standard deviations;
    `is_direct` where nothing usually comes between; `usual_ms` is the gap, and `share` how much of
    the effect's beginnings had the cause before them.
    """

    cause: int
    effect: int
    strength: float
    is_direct: bool
    usual_ms: int
    share: float


class Graph(Struct, frozen=True, kw_only=True):
    """The graph of one scope as it is published: `values` are those of the scope's labels,
    `links` the strongest, at most LINKS_MAX, the strongest first.
    """

    scope_id: str
    tenant: str
    values: tuple[str, ...] = ()
    at_ms: int = 0
    alarms: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


LINKS_MAX: Final = 200


class Precedes(Protocol):
    """Counts what comes before what."""

    def begins(
        self, place: KeptPlace | None, near: Iterable[KeptPlace | None], alarm: str, at_ms: int
    ) -> tuple[KeptPlace, tuple[Met, ...]]:
        """An alarm begins at a place: the place after that, and what it met there and then near
        there, of which no more is asked than is needed. Where it only repeats itself the place is
        the same.
        """
        ...

    def learned(self, kept: KeptAlarm | None, name: str, met: Iterable[Met], day: int) -> KeptAlarm:
        """What is known of an alarm once it has begun after those it met."""
        ...

    def links(
        self, alarms: Mapping[str, KeptAlarm], day: int
    ) -> tuple[Mapping[str, int], list[Link]]:
        """The links among alarms, the strongest first, with the place of each alarm in them."""
        ...
