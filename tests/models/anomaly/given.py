"""Series for tests: a day's wave with noise, or counts, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

START = 1_767_225_600_000
MINUTES_5 = 300_000
DAY_POINTS = 288


def daily(
    count: int, *, seed: int, bumps: Mapping[int, float] | None = None
) -> list[tuple[int, float]]:
    """A wave from 60 to 140 over a day with noise of 5; `bumps` are added at their places."""
    dice, bumps = random.Random(seed), bumps or {}
    return [
        (
            START + index * MINUTES_5,
            100.0
            + 40.0 * math.sin(2 * math.pi * index / DAY_POINTS)
            + dice.gauss(0.0, 5.0)
            + bumps.get(index, 0.0),
        )
        for index in range(count)
    ]


def counts(
    count: int, *, rate: float, seed: int, bumps: Mapping[int, float] | None = None
) -> list[tuple[int, float]]:
    """Poisson counts; `bumps` are added at their places."""
    dice, bumps = random.Random(seed), bumps or {}
    return [
        (START + index * MINUTES_5, _poisson(dice, rate) + bumps.get(index, 0.0))
        for index in range(count)
    ]


def _poisson(dice: random.Random, rate: float) -> float:
    limit, number, chance = math.exp(-rate), 0, dice.random()
    while chance > limit:
        number += 1
        chance *= dice.random()
    return float(number)
