"""The parts of foresight: what is counted, its features, and the regression."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.foresight.service import (
    RULES_MAX,
    SPANS_MS,
    Service,
    advance,
    alerted,
    changed,
    opened,
)
from pipeline.models.foresight.signals import HASHED_FROM, MARK, ROWS, Lately, signals
from pipeline.models.yesno.logistic import Logistic

MINUTE_MS = 60_000


def test_counts_fade_by_their_time_constants() -> None:
    service = Service()
    alerted(service, "CpuHigh", 3, 0)
    alerted(service, "CpuHigh", 2, 0)
    advance(service, SPANS_MS[1])
    assert service.counts == pytest.approx([2 * math.exp(-SPANS_MS[1] / span) for span in SPANS_MS])
    assert service.severe == pytest.approx([each / 2 for each in service.counts])


def test_a_clock_that_goes_back_changes_no_count() -> None:
    service = Service()
    alerted(service, "CpuHigh", 3, 10 * MINUTE_MS)
    before = list(service.counts)
    advance(service, 0)
    assert (service.counts, service.at_ms) == (before, 10 * MINUTE_MS)


def test_at_the_limit_the_rule_that_weighs_least_is_forgotten() -> None:
    service = Service()
    for number in range(RULES_MAX):
        for _ in range(2 if number else 1):
            alerted(service, f"rule-{number}", 1, number)
    alerted(service, "newest", 1, RULES_MAX)
    assert len(service.rules) == RULES_MAX
    assert "rule-0" not in service.rules
    assert "newest" in service.rules


def test_a_rule_that_never_fired_is_foreign_and_a_usual_one_is_not() -> None:
    service = Service()
    for day in range(7):
        alerted(service, "usual", 1, day * 1_440 * MINUTE_MS)
    now_ms = 7 * 1_440 * MINUTE_MS
    alerted(service, "usual", 1, now_ms)
    alerted(service, "new", 1, now_ms)
    found = Lately(service, now_ms)
    assert (found.count, found.foreign_count, found.names) == (2, 1, ["new", "usual"])


instants = st.integers(0, 10**13)
happenings = st.lists(
    st.tuples(st.sampled_from((alerted, changed, opened)), instants, st.text(max_size=3)),
    max_size=60,
)


@given(happenings, instants)
def test_features_are_bounded_finite_and_of_known_rows(
    happened: list[tuple[object, int, str]], at_ms: int
) -> None:
    service = Service()
    for what, instant_ms, name in happened:
        if what is alerted:
            alerted(service, name, len(name) + 1, instant_ms)
        else:
            (changed if what is changed else opened)(service, instant_ms)
    advance(service, at_ms)
    own = Lately(service, at_ms)
    rows, values = signals(service, own, [own] * 40, at_ms)
    assert len(rows) == len(values) == len(set(rows)) < 120
    assert all(0 <= row < ROWS for row in rows)
    assert all(math.isfinite(value) and abs(value) < 6 for value in values)
    assert all(value == MARK for row, value in zip(rows, values, strict=True) if row >= HASHED_FROM)


def test_the_regression_learns_the_odds() -> None:
    model = Logistic(3, 0.1)
    for number in range(4_000):
        model.learn([0, 1], [1.0, 1.0], 1.0, is_yes=number % 4 == 0)
        model.learn([0, 2], [1.0, 1.0], 1.0, is_yes=number % 4 != 0)
    assert model.chance([0, 1], [1.0, 1.0]) == pytest.approx(0.25, abs=0.03)
    assert model.chance([0, 2], [1.0, 1.0]) == pytest.approx(0.75, abs=0.03)
    assert model.chance([0], [1.0]) == pytest.approx(0.5, abs=0.1)


def test_asking_changes_nothing_and_what_is_packed_is_all() -> None:
    model = Logistic(8, 0.1, bias=-2.0)
    model.learn([0, 3], [1.0, -0.5], 2.0, is_yes=True)
    packed = model.packed()
    model.chance([0, 5], [1.0, 1e9])
    assert model.packed() == packed
    other = Logistic(8, 0.1)
    other.unpack(packed)
    assert other.packed() == packed
    assert other.weight_of(3) < 0 < other.weight_of(0) + 2.0
