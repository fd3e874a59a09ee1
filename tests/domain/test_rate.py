"""Rates: every event is counted once, silence makes points, and no clock breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.rate import CLOSED_MAX, LATE_WINDOWS_MAX, Window, caught_up, closed, counted

MINUTE = 60_000


def run(instants: list[int]) -> tuple[Window, list[tuple[int, float]]]:
    kept: Window | None = None
    made: list[tuple[int, float]] = []
    for at_ms in instants:
        kept, points = counted(kept, at_ms, MINUTE)
        made += points
    assert kept is not None
    return kept, made


@pytest.mark.parametrize(
    ("seconds", "points", "still_open"),
    [
        ([0, 10, 59], [], 3),
        ([0, 10, 60], [(0, 2.0)], 1),
        ([0, 180], [(0, 1.0)], 1),
        ([0, 180, 240], [(0, 1.0), (60, 0.0), (120, 0.0), (180, 1.0)], 1),
        ([65, 30, 119, 120], [(60, 3.0)], 1),
    ],
)
def test_a_window_is_a_point_once_it_is_over(
    seconds: list[int], points: list[tuple[int, float]], still_open: int
) -> None:
    kept, made = run([1000 * each for each in seconds])

    assert [(at_ms // 1000, value) for at_ms, value in made] == points
    assert kept.count == still_open


@given(st.lists(st.integers(0, 50 * MINUTE), min_size=1, max_size=60))
def test_every_event_is_counted_once_in_whatever_order(instants: list[int]) -> None:
    kept, made = run(instants)

    assert kept.count + sum(value for _, value in made) == len(instants)
    times = [at_ms for at_ms, _ in made]
    assert times == sorted(set(times))
    _, last = closed(kept, MINUTE)
    assert not times or last[0][0] == times[-1] + MINUTE


@given(st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=20))
def test_no_clock_makes_it_do_more_than_it_may(instants: list[int]) -> None:
    kept = None
    for at_ms in instants:
        kept, points = counted(kept, at_ms, MINUTE)
        assert len(points) <= CLOSED_MAX
        assert kept.count >= 1


def test_a_long_silence_is_its_last_windows() -> None:
    kept, made = run([0, 5000 * MINUTE])
    _, after = closed(kept, MINUTE)

    assert made == [(0, 1.0)]
    assert kept == Window(MINUTE, 5000 * MINUTE, 1)
    assert len(after) == CLOSED_MAX
    assert [value for _, value in after] == [0.0] * (CLOSED_MAX - 1) + [1.0]
    assert after[-1][0] == 5000 * MINUTE


def test_a_clock_that_was_ahead_does_not_stop_the_count() -> None:
    ahead = 10 * LATE_WINDOWS_MAX * MINUTE
    _, made = run([ahead, MINUTE, 2 * MINUTE, 3 * MINUTE])

    assert made == [(MINUTE, 1.0), (2 * MINUTE, 1.0)]


def test_a_wake_closes_a_window_once() -> None:
    kept, _ = run([0, 1])
    after, points = closed(kept, MINUTE)

    assert points == ((0, 2.0),)
    assert after == Window(MINUTE, MINUTE, 0)
    assert closed(after, MINUTE) == (after, ())
    assert counted(after, 30_000, MINUTE) == (Window(MINUTE, MINUTE, 1), ())


def test_an_open_window_is_judged_after_the_empty_ones_before_it() -> None:
    kept, _ = run([0, 3 * MINUTE, 3 * MINUTE])
    after, points = caught_up(kept, MINUTE)

    assert points == ((MINUTE, 0.0), (2 * MINUTE, 0.0))
    assert after == Window(3 * MINUTE, 3 * MINUTE, 2)
    assert caught_up(after, MINUTE) == (after, ())
    assert closed(after, MINUTE)[1] == ((3 * MINUTE, 2.0),)
