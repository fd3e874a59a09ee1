import pytest

from tests.bench.learning.cascades import Alarm
from tests.bench.learning.gcastle import by_rule, f1, reached


def test_what_is_reached_is_all_that_causes_through_others() -> None:
    chain = {("a", "b"), ("b", "c"), ("c", "d")}
    assert reached(chain) == chain | {("a", "c"), ("b", "d"), ("a", "d")}


def test_precision_recall_and_f1_are_of_directed_edges() -> None:
    found = {("a", "b"), ("c", "b"), ("a", "c")}
    assert f1(found, {("a", "b"), ("b", "c")}) == pytest.approx((1 / 3, 1 / 2, 2 / 5))
    assert f1(set(), set()) == (0.0, 0.0, 0.0)


def test_the_simple_rule_takes_the_more_frequent_order() -> None:
    alarms = []
    for number in range(15):
        at_ms = number * 3_600_000
        alarms += [Alarm("a", "h", at_ms), Alarm("b", "h", at_ms + 1_000)]
        if number < 12:
            alarms.append(Alarm("a", "h", at_ms + 2_000))
    assert by_rule(alarms) == {("a", "b")}
