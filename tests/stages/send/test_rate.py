"""The rate: at most so many calls in any window, and no fewer than nearly so many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.units import Rate
from pipeline.stages.send.rate import BUCKETS, Window, counted, free_at_ms, limit_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120/m", (120, 60_000)),
        ("2/s", (120, 60_000)),
        ("1/m", (1, 60_000)),
        ("59/h", (59, 3_600_000)),
        ("7200/h", (120, 60_000)),
    ],
)
def test_the_window_of_a_rate(text: str, expected: tuple[int, int]) -> None:
    assert limit_of(Rate.parse(text)) == expected


def called_at(rate: Rate, wishes_ms: list[int]) -> list[int]:
    """When the calls happen whose wishes come at these times."""
    window: Window = ()
    now_ms, calls = 0, []
    for wish_ms in wishes_ms:
        now_ms = max(now_ms, wish_ms)
        while (free_ms := free_at_ms(window, rate, now_ms)) > now_ms:
            now_ms = free_ms
        window = counted(window, rate, now_ms)
        calls.append(now_ms)
        assert len(window) <= BUCKETS + 1
    return calls


@given(
    st.sampled_from(["3/m", "12/m", "5/h", "1/s"]),
    st.lists(st.integers(0, 20_000), min_size=1, max_size=60),
)
def test_no_window_holds_more_than_allowed(text: str, gaps_ms: list[int]) -> None:
    rate = Rate.parse(text)
    wishes_ms = [sum(gaps_ms[: n + 1]) for n in range(len(gaps_ms))]
    calls_max, window_ms = limit_of(rate)
    calls = called_at(rate, wishes_ms)
    for first in calls:
        assert sum(first <= at_ms < first + window_ms for at_ms in calls) <= calls_max


def test_the_first_calls_go_at_once_and_the_rate_is_nearly_reached() -> None:
    rate = Rate.parse("120/m")
    calls = called_at(rate, [0] * 600)
    assert calls[119] == 0
    assert calls[120] > 60_000
    per_minute = 480 / (calls[-1] / 60_000)
    assert 110 <= per_minute <= 120


def test_a_call_that_left_the_window_counts_no_more() -> None:
    rate = Rate.parse("1/m")
    window = counted((), rate, 1_999)
    assert free_at_ms(window, rate, 61_998) > 61_998
    assert free_at_ms(window, rate, 62_000) == 62_000
