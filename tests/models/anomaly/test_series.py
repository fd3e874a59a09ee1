"""What a series says of spikes, drops, shifts, counts and constants."""

from __future__ import annotations

import pytest

from pipeline.models.anomaly.kept import readings
from pipeline.models.anomaly.series import LEARNING_POINTS, spoken, unit
from tests.models.anomaly.given import DAY_POINTS, MINUTES_5, START, counts, daily


def found(points: list[tuple[int, float]]) -> list[int]:
    return [index for index, each in enumerate(readings(points)) if each.is_anomaly]


@pytest.mark.parametrize("by", [120.0, -120.0, 400.0])
def test_a_spike_and_a_drop_are_found_at_once(by: float) -> None:
    assert 3000 in found(daily(3100, seed=1, bumps={3000: by}))


def test_what_is_usual_is_not_said() -> None:
    assert len(found(daily(10 * DAY_POINTS, seed=2))) <= 4


def test_a_quiet_hour_at_a_busy_time_is_found_though_such_values_are_usual_at_night() -> None:
    points = daily(14 * DAY_POINTS, seed=4)
    noon = 12 * DAY_POINTS + DAY_POINTS // 4
    flat = [
        (at_ms, 65.0 if noon - 20 <= index < noon + 20 else value)
        for index, (at_ms, value) in enumerate(points)
    ]

    assert any(noon - 20 <= index < noon + 20 for index in found(flat))


def test_a_shift_is_said_once_and_not_again_and_again() -> None:
    points = [(at, value + 300.0 * (at >= START + 2000 * MINUTES_5)) for at, value in
              daily(2600, seed=6)]  # fmt: skip
    said = [index for index in found(points) if index >= 2000]

    assert said[0] == 2000
    assert len(said) <= 3


def test_the_first_events_of_a_quiet_count_are_chance_and_a_burst_is_not() -> None:
    quiet = counts(2000, rate=0.02, seed=7)
    burst = counts(2000, rate=0.02, seed=7, bumps={1500: 12.0})

    assert found(quiet) == []
    assert found(burst) == [1500]


def test_percents_are_no_counts_though_they_are_whole_numbers() -> None:
    points = [(START + index * MINUTES_5, 99.0 - index % 2) for index in range(900)]
    points[800] = (points[800][0], 80.0)

    assert found(points) == [800]


def test_a_constant_is_never_unusual_until_it_changes() -> None:
    points = [(START + index * MINUTES_5, 0.1 + 5.0 * (index == 900)) for index in range(1000)]

    assert found(points) == [900]


def test_nothing_is_said_before_it_is_learned() -> None:
    points = [(START + index, 2.0**index) for index in range(LEARNING_POINTS - 1)]

    assert found(points) == []
    assert not any(each.is_learned for each in readings(points))


def test_a_reading_tells_what_was_expected_and_what_spoke() -> None:
    *_, last = readings(daily(3001, seed=1, bumps={3000: 120.0}))

    assert last.low < last.expected < last.high < last.value
    assert last.views
    assert last.views[0].startswith(("residual", "spread"))


@pytest.mark.parametrize(
    ("numbers", "size"),
    [([], 1.0), ([0.0, 0.0, 0.0], 1.0), ([0.0, 0.0, 6.0], 2.0), ([-3.0, 1.0, 9.0], 3.0)],
)
def test_the_unit_is_the_usual_size(numbers: list[float], size: float) -> None:
    assert unit(numbers) == size


def test_a_view_of_both_scales_is_named_once() -> None:
    margins = [0.0] * 12
    margins[2], margins[8], margins[5] = 0.1, 0.4, 0.2

    assert spoken(margins) == ("residual 1", "spread 20")


def test_a_record_among_few_weighs_less_than_one_among_many() -> None:
    few, many = (
        list(readings(daily(after + 1, seed=1, bumps={after: 120.0})))[-1] for after in (300, 3000)
    )

    assert 0.0 < few.strength < many.strength
