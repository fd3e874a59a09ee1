"""The measures of foresight against values worked out by hand."""

import pytest

from tests.bench.learning.foreseen import (
    HORIZON_MS,
    Point,
    average_precision,
    best,
    is_followed,
    openings,
    reached,
    within,
)

MINUTE_MS = 60_000
OPENED = openings([("a", 100 * MINUTE_MS), ("b", 50 * MINUTE_MS)])


@pytest.mark.parametrize(
    ("scored", "expected"),
    [
        ([(0.9, True), (0.1, False)], 1.0),
        ([(0.1, True), (0.9, False)], 0.5),
        ([(0.5, True), (0.5, False)], 0.5),
        ([(0.9, True), (0.8, False), (0.7, True)], (1 + 2 / 3) / 2),
        ([(0.9, False)], 0.0),
    ],
)
def test_average_precision(scored: list[tuple[float, bool]], expected: float) -> None:
    assert average_precision(scored) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("minute", "service", "expected"),
    [(70, "a", True), (69, "a", False), (100, "a", False), (99, "a", True), (99, "c", False)],
)
def test_a_point_is_followed_within_the_horizon(minute: int, service: str, expected: bool) -> None:
    assert is_followed(Point(minute * MINUTE_MS, service, 0.0), OPENED) is expected


def test_alarms_are_silent_for_half_an_hour_and_false_without_an_incident() -> None:
    minutes = (("a", 10), ("a", 15), ("a", 39), ("a", 40), ("a", 75), ("a", 90), ("c", 20))
    points = [Point(minute * MINUTE_MS, service, 0.5) for service, minute in minutes]
    found = reached(points, OPENED, 0.5, 1.0)
    # False: a at 10 and 40, c at 20. Foreseen: a's, by the alarm at 75; b's was not.
    assert found == (0.5, 3.0, 25.0)
    assert reached(points, OPENED, 0.6, 1.0) == (0.0, 0.0, 0.0)


def test_the_best_threshold_keeps_to_the_false_alarms_allowed() -> None:
    points = [
        Point(20 * MINUTE_MS, "a", 0.8),
        Point(30 * MINUTE_MS, "b", 0.9),
        Point(60 * MINUTE_MS, "a", 0.7),
        Point(90 * MINUTE_MS, "a", 0.6),
    ]
    assert best(points, OPENED, 1.0, 0.0).recall == 0.5
    assert best(points, OPENED, 1.0, 2.0).recall == 1.0


def test_within_takes_the_end_and_leaves_the_beginning() -> None:
    assert HORIZON_MS == 30 * MINUTE_MS
    assert within({"a": [1, 2, 3]}, 1, 3) == {"a": [2, 3]}
