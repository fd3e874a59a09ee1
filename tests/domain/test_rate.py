"""Rates: every event is counted once, silence makes points, and no clock breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.rate import CLOSED_MAX, LATE_WINDOWS_MAX, KeptRate, counted, passed
from pipeline.domain.series import KeptSeries, Reading

MINUTE = 60_000


class Recorder:
    """A detector that says what it was given."""

    version = "recorder"

    def observe(
        self, kept: KeptSeries | None, at_ms: int, value: float
    ) -> tuple[KeptSeries, Reading]:
        return KeptSeries(self.version, b""), Reading(at_ms=at_ms, value=value)


def run(instants: list[int]) -> tuple[KeptRate, list[Reading]]:
    kept: KeptRate | None = None
    said: list[Reading] = []
    for at_ms in instants:
        kept, readings = counted(Recorder(), kept, at_ms, MINUTE)
        said += readings
    assert kept is not None
    return kept, said


@pytest.mark.parametrize(
    ("seconds", "points", "still_open"),
    [
        ([0, 10, 59], [], 3),
        ([0, 10, 60], [(0, 2.0)], 1),
        ([0, 180], [(0, 1.0), (60, 0.0), (120, 0.0)], 1),
        ([65, 30, 119, 120], [(60, 3.0)], 1),
    ],
)
def test_a_window_is_a_point_once_it_is_over(
    seconds: list[int], points: list[tuple[int, float]], still_open: int
) -> None:
    kept, said = run([1000 * each for each in seconds])

    assert [(each.at_ms // 1000, each.value) for each in said] == points
    assert kept.count == still_open


@given(st.lists(st.integers(0, 50 * MINUTE), min_size=1, max_size=60))
def test_every_event_is_counted_once_in_whatever_order(instants: list[int]) -> None:
    kept, said = run(instants)

    assert kept.count + sum(each.value for each in said) == len(instants)
    times = [each.at_ms for each in said]
    assert times == sorted(set(times))


@given(st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=20))
def test_no_clock_makes_it_do_more_than_it_may(instants: list[int]) -> None:
    kept = None
    for at_ms in instants:
        kept, readings = counted(Recorder(), kept, at_ms, MINUTE)
        assert len(readings) <= CLOSED_MAX
        assert kept.count >= 1


def test_a_long_silence_is_its_last_windows() -> None:
    kept, said = run([0, 5000 * MINUTE])

    assert len(said) == CLOSED_MAX
    assert said[0].value == 1.0
    assert [each.value for each in said[1:]] == [0.0] * (CLOSED_MAX - 1)
    assert said[-1].at_ms == 4999 * MINUTE
    assert kept == KeptRate(5000 * MINUTE, 1, KeptSeries("recorder", b""))


def test_a_clock_that_was_ahead_does_not_stop_the_count() -> None:
    ahead = 10 * LATE_WINDOWS_MAX * MINUTE
    _, said = run([ahead, MINUTE, 2 * MINUTE, 3 * MINUTE])

    assert [(each.at_ms, each.value) for each in said] == [(MINUTE, 1.0), (2 * MINUTE, 1.0)]


def test_a_wake_closes_windows_and_counts_nothing() -> None:
    kept, _ = run([0, 1])
    after, readings = passed(Recorder(), kept, 2 * MINUTE, MINUTE)

    assert [each.value for each in readings] == [2.0, 0.0]
    assert (after.window_at_ms, after.count) == (2 * MINUTE, 0)
    assert passed(Recorder(), after, 2 * MINUTE, MINUTE) == (after, ())
