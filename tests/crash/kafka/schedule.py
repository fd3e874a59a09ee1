"""Schedule: what goes wrong in a run, in which order and how far apart, from a seed.

The same seed gives the same schedule, whatever the machine does with it. A step waits until the
stream has made some progress since the one before, so that a fault always meets work; what comes
of a step is the kernel's and the broker's affair.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from pipeline.hosts.faust.points import POINTS

CALLS_POINT: Final = "called"
"""The only point that needs receivers; `pages.py` has its runs."""


class Step(Struct, frozen=True, kw_only=True):
    """One fault. `worker` is the place of its victim among the workers, `after` how many more
    outputs must be committed before it (or 5 s, where nothing can get on), `for_s` how long it
    lasts. `what` names a crash point, an API or a side where the kind needs one.
    """

    kind: str
    worker: int = 0
    after: int = 0
    for_s: float = 0.0
    what: str = ""
    nth: int = 1


class Numbers(Struct, frozen=True, kw_only=True):
    """How many of each kind. Kills at points are one per named point and round."""

    kills: int = 4
    rounds_of_points: int = 1
    pauses: int = 6
    joins: int = 3
    storms: int = 1
    bounces: int = 1
    clean_bounces: int = 0
    holds: int = 4
    cuts: int = 2
    full_disks: int = 0
    jumps: int = 2

    @property
    def kill_count(self) -> int:
        """All kill -9 of workers together."""
        return self.kills + self.rounds_of_points * len(_POINTS)


_POINTS: Final = tuple(point for point in POINTS if point != CALLS_POINT)
HELD: Final = (
    ("EndTxn", "response"),
    ("EndTxn", "request"),
    ("Produce", "response"),
    ("TxnOffsetCommit", "response"),
    ("AddPartitionsToTxn", "request"),
    ("Heartbeat", "response"),
)


def schedule(seed: int, numbers: Numbers, *, workers: int, session_s: float) -> list[Step]:
    """The steps in their order."""
    rng = random.Random(seed)
    steps = [
        Step(
            kind=kind,
            worker=rng.randrange(workers),
            after=rng.randrange(200, 1_200),
            for_s=for_s,
            what=what,
            nth=rng.randrange(1, 5),
        )
        for kind, what, for_s in (
            *_of_workers(rng, numbers, session_s),
            *_of_the_world(rng, numbers, session_s),
        )
    ]
    rng.shuffle(steps)
    return steps


Kinds = Iterator[tuple[str, str, float]]
"""(kind, what, for_s)"""


def _of_workers(rng: random.Random, numbers: Numbers, session_s: float) -> Kinds:
    """A third of the pauses is shorter than the session timeout, a third is about it, a third is
    beyond it and the transaction timeout, which is as long.
    """
    for number in range(numbers.kills):
        # Half of the restarts find their folder, half have to read all of the changelog.
        yield "kill-empty" if number % 2 else "kill", "", rng.uniform(0, 2)
    for _ in range(numbers.rounds_of_points):
        for point in _POINTS:
            yield "kill-at", point, 0.0
    for number in range(numbers.pauses):
        share = (rng.uniform(0.2, 0.6), rng.uniform(0.9, 1.1), rng.uniform(1.5, 2.0))[number % 3]
        yield "pause", "", session_s * share
    for _ in range(numbers.joins):
        yield "join", "", rng.uniform(1, 4)
    for _ in range(numbers.storms):
        yield "storm", "", rng.uniform(0.2, 1.0)
    for _ in range(numbers.full_disks):
        yield "full-disk", "", rng.uniform(1, 3)
    for number in range(numbers.jumps):
        yield "jump", ("+3600", "-3600")[number % 2], rng.uniform(1, 3)


def _of_the_world(rng: random.Random, numbers: Numbers, session_s: float) -> Kinds:
    for _ in range(numbers.bounces):
        yield "broker-kill", "", rng.uniform(0, 1)
    for _ in range(numbers.clean_bounces):
        yield "broker-stop", "", rng.uniform(0, 1)
    for number in range(numbers.holds):
        api, side = HELD[number % len(HELD)]
        yield f"hold-{side}", api, rng.uniform(0.5, session_s * 1.2)
    for number in range(numbers.cuts):
        yield "stall", ("request", "response", "both")[number % 3], rng.uniform(1, session_s)
