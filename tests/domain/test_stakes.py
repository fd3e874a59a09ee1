"""From which chance on incidents may be held back: within the risk, and not before it is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.stakes import (
    EDGES,
    QUIET,
    REAL,
    REAL_MAX,
    Stakes,
    counted,
    threshold,
)


def after(*verdicts: tuple[str, float, int]) -> Stakes:
    stakes = Stakes()
    for verdict, chance, times in verdicts:
        for _ in range(times):
            stakes = counted(stakes, verdict, chance)
    return stakes


@pytest.mark.parametrize(
    ("stakes", "risk", "lowest"),
    [
        (Stakes(), 0.001, -1.0),
        (after((REAL, 0.1, 998)), 0.001, -1.0),
        (after((REAL, 0.1, 999)), 0.001, EDGES[0]),
        (after((QUIET, 0.9999, 5_000)), 0.001, -1.0),
        (after((REAL, 0.1, 98), (REAL, 0.955, 1)), 0.01, 0.96),
        (after((REAL, 0.1, 198), (REAL, 0.955, 1)), 0.01, EDGES[0]),
        (after((REAL, 0.1, 198), (REAL, 0.955, 2)), 0.01, 0.96),
        (after((REAL, 0.1, 198), (REAL, 1.0, 2)), 0.01, -1.0),
        (after((REAL, 0.1, 999)), 0.0, -1.0),
    ],
)
def test_the_threshold_is_the_lowest_within_the_risk(
    stakes: Stakes, risk: float, lowest: float
) -> None:
    assert threshold(stakes, risk) == lowest


def test_a_chance_on_an_edge_reaches_its_threshold() -> None:
    stakes = after((REAL, 0.1, 999), (REAL, EDGES[3], 1))
    assert threshold(stakes, 0.001) == EDGES[4]


def test_counts_are_halved_so_that_they_stay_bounded() -> None:
    stakes = after((REAL, 0.1, int(REAL_MAX)), (QUIET, 0.99, 3))
    assert stakes.real_count == REAL_MAX / 2
    assert sum(stakes.quiet) == 3


@given(st.lists(st.floats(0, 1), max_size=400), st.sampled_from([0.005, 0.02, 0.1]))
def test_what_was_counted_is_itself_within_the_risk(chances: list[float], risk: float) -> None:
    stakes = after(*((REAL, chance, 1) for chance in chances))
    lowest = threshold(stakes, risk)
    missed = sum(chance >= lowest for chance in chances) if lowest >= 0 else 0
    assert missed <= risk * (len(chances) + 1)
    above = [edge for edge in EDGES if edge < lowest or lowest < 0]
    assert all(sum(c >= edge for c in chances) + 1 > risk * (len(chances) + 1) for edge in above)


def test_of_what_comes_after_no_larger_share_is_missed() -> None:
    dice = random.Random(5)
    shares = []
    for _ in range(300):
        stakes = after(*((REAL, dice.random() ** 0.1, 1) for _ in range(300)))
        lowest = threshold(stakes, 0.05)
        shares.append(1.0 - lowest**10 if lowest >= 0 else 0.0)
    assert 0.0 < sum(shares) / len(shares) <= 0.05
