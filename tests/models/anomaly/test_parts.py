"""Envelope, season, tail and alarm, one by one."""

from __future__ import annotations

import math
import random

import pytest

from pipeline.models.anomaly.alarm import Alarm, Setting, is_chance
from pipeline.models.anomaly.envelope import MARGIN_MAX, Envelope
from pipeline.models.anomaly.season import HOUR_MS, Season
from pipeline.models.anomaly.tail import FAR_MAX, Tail

DAY_MS = 24 * HOUR_MS


def test_a_record_is_measured_by_the_width_of_what_was_seen() -> None:
    envelope = Envelope(half_life_points=1e12)
    for number in (0.0, 10.0, 5.0):
        envelope.margin(number)

    assert envelope.margin(10.0) == pytest.approx(0.0, abs=1e-9)
    assert envelope.margin(12.0) == pytest.approx(0.2)
    assert envelope.margin(-3.0) == pytest.approx(0.25)
    assert envelope.margin(1e9) == MARGIN_MAX


def test_records_of_long_ago_are_forgotten() -> None:
    envelope = Envelope(half_life_points=100)
    for number in (0.0, 1000.0, *([1.0, 0.0] * 500)):
        envelope.margin(number)

    assert envelope.margin(100.0) > 0.5


def test_like_numbers_make_as_many_records_as_theory_says() -> None:
    dice, envelope = random.Random(1), Envelope(half_life_points=1e12)
    records = sum(envelope.margin(dice.expovariate(1.0)) > 0.0 for _ in range(20_000))

    assert 5 <= records <= 35  # 2 ln 20,000 are 19.8


def test_a_season_expects_the_hour_and_the_weekday() -> None:
    season = Season()
    for hour in range(24 * 7 * 8):
        number = 10.0 if hour % 24 == 12 else 0.0
        number += 5.0 if hour // 24 % 7 == 3 and hour % 24 == 12 else 0.0
        at_ms = hour * HOUR_MS + HOUR_MS // 2
        season.learn(at_ms, number, season.expected(at_ms, number))
    noon = 70 * DAY_MS + 12 * HOUR_MS + HOUR_MS // 2

    assert season.expected(noon, 0.0) > 8.0
    assert season.expected(noon + 9 * HOUR_MS, 0.0) < 2.0
    assert season.expected(noon + 3 * DAY_MS, 0.0) > season.expected(noon, 0.0) + 1.0


def test_an_outage_is_not_what_is_expected_tomorrow() -> None:
    season = Season()
    for hour in range(24 * 14):
        at_ms = hour * HOUR_MS
        season.learn(at_ms, 100.0 + hour % 3, season.expected(at_ms, 100.0))
    tomorrow = 24 * 14 * HOUR_MS
    season.learn(tomorrow, -1e6, season.expected(tomorrow, 0.0))

    assert season.expected(tomorrow + DAY_MS, 0.0) > 95.0


def test_a_tail_is_as_long_as_the_peaks_of_its_series() -> None:
    dice = random.Random(1)
    calm, wild = Tail(), Tail()
    for _ in range(3000):
        number = dice.gauss(0.0, 1.0)
        calm.far(number)
        wild.far(number * math.exp(abs(number)))

    assert calm.far(6.0) > 2.0
    assert wild.far(6.0) == 0.0
    assert calm.far(-1e9) == FAR_MAX


def test_few_points_lie_far_out_on_their_own_tail() -> None:
    dice, tail = random.Random(2), Tail()
    found = sum(tail.far(dice.gauss(0.0, 3.0)) > 0.0 for _ in range(20_000))

    assert 0 < found < 40  # 20,000 × .02 / 55 are 7 on an exponential tail


@pytest.mark.parametrize("numbers", [[0.0] * 500, [1e100, -1e100] * 300, [0.0] * 499 + [1e100]])
def test_no_residual_breaks_a_tail(numbers: list[float]) -> None:
    tail = Tail()

    assert all(0.0 <= tail.far(number) <= FAR_MAX for number in numbers)


def alarms(strengths: dict[int, float], setting: Setting) -> list[int]:
    alarm = Alarm(setting)
    return [index for index in range(1000) if alarm.take(strengths.get(index, 0.0))]


@pytest.mark.parametrize(
    ("strengths", "said"),
    [
        ({5: 0.9}, []),
        ({5: 1.0}, [5]),
        ({5: 1.0, 6: 1.5, 7: 1.9}, [5]),
        ({5: 1.0, 6: 2.0, 7: 3.0, 8: 4.0}, [5, 6, 8]),
        ({5: 1.0, 15: 1.0}, [5, 15]),
    ],
)
def test_what_was_said_rests_unless_it_grows(strengths: dict[int, float], said: list[int]) -> None:
    setting = Setting(threshold=1.0, quiet_points=10, louder=2.0, burden=0.0)

    assert alarms(strengths, setting) == said


def test_each_alarm_raises_the_threshold_of_its_series_for_a_while() -> None:
    setting = Setting(threshold=1.0, quiet_points=1, burden=0.5, burden_points=100.0)

    assert alarms({0: 1.0, 10: 1.3, 20: 1.5, 900: 1.01}, setting) == [0, 20, 900]


@pytest.mark.parametrize(
    ("expected", "size", "residuals", "chance"),
    [
        (0.0, 0.01, (1.0, 0.2, 0.02), True),
        (0.0, 0.01, (4.0, 0.8, 0.1), False),
        (100.0, 8.0, (25.0, 5.0, 1.0), True),
        (100.0, 80.0, (25.0, 5.0, 1.0), True),
        (100.0, 80.0, (40.0, 8.0, 1.0), False),
        (100.0, 80.0, (10.0, 5.0, 6.0), False),
        (99.0, 1.0, (25.0, 5.0, 1.0), False),
        (-5.0, 1.0, (1.0, 0.0, 0.0), True),
    ],
)
def test_counts_are_held_against_chance(
    expected: float, size: float, residuals: tuple[float, float, float], *, chance: bool
) -> None:
    assert is_chance(expected, size, residuals) is chance
