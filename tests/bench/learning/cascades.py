"""Simulated alarms whose causes are known: a seeded Hawkes process over places and names.

A world has names of alarms in a hidden order, and a graph along that order whose ends are uneven
(some alarms start much, in some much ends). At every place alarms start by themselves, more often
on bad days; an alarm excites each of its effects with that edge's chance after a log-normal delay,
mostly at its own place, now and then at a linked one. Alarms flap, the clocks of places are off by
a second or two, and instants are whole seconds. What graph/ is set by is chosen on these worlds.
"""

from __future__ import annotations

import math
import random
from heapq import heappop, heappush
from typing import Final

from msgspec import Struct

SEEDS: Final = (11, 12, 13, 14, 15, 16)
"""The worlds that settings are chosen on."""

CHECK_SEEDS: Final = (101, 102, 103, 104)
"""Worlds that no setting is chosen on."""

COUNT: Final = 20_000
"""Alarms of a world, at most."""

_DAY_S: Final = 86_400
_LINKED_SHARE: Final = 0.1
_FLAP_CHANCE: Final = 0.25
_FLAP_DELAY_S: Final = 40.0
_BAD_DAY_SHARE: Final = 0.15
_BAD_DAY_FACTOR: Final = 8.0


class Alarm(Struct, frozen=True):
    """One alarm: what, where, and when in milliseconds."""

    name: str
    place: str
    at_ms: int


class World(Struct, frozen=True):
    """Alarms in the order of their instants, the pairs (cause, effect) behind them, and the
    places that are linked with each.
    """

    alarms: tuple[Alarm, ...]
    edges: frozenset[tuple[str, str]]
    names: tuple[str, ...]
    near: dict[str, tuple[str, ...]]


class _Edge(Struct, frozen=True):
    effect: int
    chance: float
    delay_s: float


def _graph(rng: random.Random, names_count: int) -> list[list[_Edge]]:
    starts = [rng.lognormvariate(0.0, 0.8) for _ in range(names_count)]
    ends = [rng.lognormvariate(0.0, 0.8) for _ in range(names_count)]
    pairs = [(i, j) for i in range(names_count) for j in range(i + 1, names_count)]
    mean = sum(starts[i] * ends[j] for i, j in pairs) / len(pairs)
    density = rng.uniform(0.2, 0.5)
    found: list[list[_Edge]] = [[] for _ in range(names_count)]
    for i, j in pairs:
        if rng.random() < density * starts[i] * ends[j] / mean:
            chance = math.exp(rng.uniform(math.log(0.01), math.log(0.5)))
            found[i].append(_Edge(j, chance, math.exp(rng.uniform(math.log(2), math.log(90)))))
    return found


def _starts(rng: random.Random, names_count: int, places: int, days: int, count: int) -> list[
    tuple[float, int, int, int]
]:  # fmt: skip
    rates = [rng.lognormvariate(0.0, 1.2) for _ in range(names_count)]
    busy = [rng.lognormvariate(0.0, 0.7) for _ in range(places)]
    found: list[tuple[float, int, int, int]] = []
    for number in range(count):
        day = rng.randrange(days)
        while rng.random() > (1.0 if day * 7919 % 100 < 100 * _BAD_DAY_SHARE
                              else 1.0 / _BAD_DAY_FACTOR):  # fmt: skip
            day = rng.randrange(days)
        at_s = day * _DAY_S + rng.random() * _DAY_S
        name = rng.choices(range(names_count), rates)[0]
        place = rng.choices(range(places), busy)[0]
        found.append((at_s, number, name, place))
    return found


def world(seed: int, *, linked_share: float = _LINKED_SHARE, days: int = 180) -> World:
    """The world of a seed: 12 to 30 names at 20 to 80 places; `linked_share` of the effects come
    at a linked place.
    """
    rng = random.Random(seed)
    names_count = rng.randint(12, 30)
    places = rng.randint(20, 80)
    order = list(range(names_count))
    rng.shuffle(order)
    names = tuple(f"alarm-{each}" for each in order)
    graph = _graph(rng, names_count)
    offsets_s = [rng.gauss(0.0, 0.7) for _ in range(places)]
    links = [rng.sample(range(places), 3) for _ in range(places)]
    due = _starts(rng, names_count, places, days, COUNT // 2)
    due.sort()
    number = len(due)
    alarms: list[Alarm] = []
    while due and len(alarms) < COUNT:
        at_s, _, name, place = heappop(due)
        seen_s = max(0, round(at_s + offsets_s[place]))
        alarms.append(Alarm(names[name], f"place-{place}", 1000 * seen_s))
        for edge in graph[name]:
            if rng.random() < edge.chance:
                number += 1
                where = rng.choice(links[place]) if rng.random() < linked_share else place
                delay_s = edge.delay_s * rng.lognormvariate(0.0, 1.0)
                heappush(due, (at_s + delay_s, number, edge.effect, where))
        if rng.random() < _FLAP_CHANCE:
            number += 1
            heappush(due, (at_s + rng.expovariate(1 / _FLAP_DELAY_S), number, name, place))
    alarms.sort(key=lambda each: each.at_ms)
    edges = frozenset((names[i], names[e.effect]) for i, each in enumerate(graph) for e in each)
    near = {
        f"place-{one}": tuple(
            f"place-{other}"
            for other in range(places)
            if other in links[one] or one in links[other]
        )
        for one in range(places)
    }
    return World(tuple(alarms), edges, names, near)
