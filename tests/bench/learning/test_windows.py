"""The judge gives a simple detector what NAB publishes for it, file by file."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.bench.learning import series
from tests.bench.learning.windows import (
    PROFILES,
    field,
    judge,
    normalised,
    probation,
    sweep,
    worth,
)

STANDARD = PROFILES["standard"]

# numenta/NAB at ea702d7, results/windowedGaussian/windowedGaussian_standard_scores.csv: threshold
# 1.0, the columns Score and FP.
PUBLISHED = {
    "artificialWithAnomaly/art_load_balancer_spikes.csv": (-0.692444609523, 15),
    "realAWSCloudwatch/ec2_cpu_utilization_fe7f93.csv": (0.638757791772, 1),
    "realAWSCloudwatch/ec2_network_in_5abac7.csv": (-3.52193223519, 50),
    "realAWSCloudwatch/grok_asg_anomaly.csv": (2.37942230674, 3),
    "realAdExchange/exchange-3_cpc_results.csv": (2.50266326119, 1),
    "realAdExchange/exchange-4_cpc_results.csv": (0.292288463428, 4),
    "realKnownCause/ec2_request_latency_system_failure.csv": (2.02150685678, 0),
    "realTraffic/occupancy_t4013.csv": (1.72522152023, 0),
    "realTraffic/speed_7578.csv": (3.47059145681, 1),
    "realTraffic/TravelTime_451.csv": (-1.0, 0),
}
WINDOW_POINTS = 6400


def tail_of_all_before(values: list[float]) -> list[float]:
    """NAB's windowed Gaussian on series shorter than its window: one minus the normal tail, in the
    twelve digits in which NAB keeps results.
    """
    whole, made = np.array(values), [0.0]
    assert len(values) < WINDOW_POINTS
    for index in range(1, len(values)):
        mean, spread = whole[:index].mean(), whole[:index].std() or 0.000001
        tail = 0.5 * math.erfc(abs(values[index] - mean) / spread / math.sqrt(2))
        made.append(float(f"{1 - tail:.12g}"))
    return made


@pytest.mark.skipif(not series.is_there(), reason=series.ABSENT)
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_simple_detector_gets_its_published_score(name: str) -> None:
    one = series.read(name)

    verdict = judge([(one.judged, tail_of_all_before(one.values))], 1.0, STANDARD)

    worth_published, false_published = PUBLISHED[name]
    assert verdict.worth == pytest.approx(worth_published, abs=1e-9)
    assert verdict.false == false_published


def test_who_detects_nothing_gets_nothing_and_the_perfect_a_hundred() -> None:
    judged = field([str(each) for each in range(1000)], [("300", "399"), ("600", "649")])
    silent, perfect = [0.0] * 1000, [1.0 if each in {300, 600} else 0.0 for each in range(1000)]

    for profile in PROFILES.values():
        nothing = judge([(judged, silent)], 0.5, profile)
        everything = judge([(judged, perfect)], 0.5, profile)
        assert normalised(nothing.worth, 2, profile) == 0.0
        assert normalised(everything.worth, 2, profile) == pytest.approx(100.0)
        assert (everything.hits, everything.false) == (2, 0)


def test_only_the_best_detection_of_a_window_counts() -> None:
    judged = field([str(each) for each in range(1000)], [("300", "399")])
    late = [1.0 if each >= 380 and each < 400 else 0.0 for each in range(1000)]
    both = [1.0 if each == 300 else score for each, score in enumerate(late)]

    assert judge([(judged, late)], 1.0, STANDARD).worth < 0.5
    assert judge([(judged, both)], 1.0, STANDARD).worth == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("at", "cost"),
    [(200, -0.11), (400, 0.11 * worth(1 / 99)), (450, 0.11 * worth(51 / 99)), (900, -0.11)],
)
def test_a_false_detection_costs_less_just_behind_a_window(at: int, cost: float) -> None:
    judged = field([str(each) for each in range(1000)], [("300", "399")])
    scores = [1.0 if each == at else 0.0 for each in range(1000)]

    assert judge([(judged, scores)], 1.0, STANDARD).worth == pytest.approx(cost - 1.0)


@pytest.mark.parametrize(("points", "first"), [(10, 1), (1000, 150), (5000, 750), (90_000, 750)])
def test_the_start_of_a_series_counts_for_nothing(points: int, first: int) -> None:
    assert probation(points) == first


def test_the_sweep_finds_the_threshold_that_is_worth_most() -> None:
    judged = field([str(each) for each in range(1000)], [("300", "399")])
    scores = [0.0] * 1000
    scores[310], scores[700] = 0.9, 0.4

    threshold, verdict = sweep([(judged, scores)], STANDARD)

    assert threshold == 0.9
    assert (verdict.hits, verdict.false) == (1, 0)
    assert verdict == judge([(judged, scores)], 0.5, STANDARD)
