"""Backoff: bounded, growing, spread, the same each time, and never earlier than asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.send.backoff import (
    BASE_MS,
    DELAY_MS_MAX,
    RETRY_AFTER_MS_MAX,
    asked_ms,
    delay_ms,
    share,
)


@given(st.text(), st.integers(0, 10_000))
def test_it_is_bounded_and_repeatable(seed: str, attempt: int) -> None:
    delay = delay_ms(seed, attempt)
    assert 0 <= delay < min(BASE_MS * 2 ** max(attempt - 1, 0), DELAY_MS_MAX)
    assert delay == delay_ms(seed, attempt)


def test_it_grows_and_spreads() -> None:
    def mean(attempt: int) -> float:
        return sum(delay_ms(f"n{n}", attempt) for n in range(2_000)) / 2_000

    assert 400 < mean(1) < 600
    assert 3_500 < mean(4) < 4_500
    assert 130_000 < mean(30) < 170_000
    shares = sorted(share(f"n{n}", 1) for n in range(2_000))
    assert shares[200] < 0.15
    assert shares[1_800] > 0.85


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        (0.0, 0),
        (-5.0, 0),
        (float("nan"), 0),
        (0.25, 250),
        (120.0, 120_000),
        (7_200.0, RETRY_AFTER_MS_MAX),
        (float("inf"), RETRY_AFTER_MS_MAX),
    ],
)
def test_what_the_receiver_asks_for(after_s: float, expected: int) -> None:
    assert asked_ms(after_s) == expected
    assert delay_ms("n", 1, after_s) == max(expected, delay_ms("n", 1))
