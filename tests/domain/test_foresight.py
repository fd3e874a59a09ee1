"""What is counted of a service: it fades, it is bounded, and no clock breaks it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.foresight import (
    CHARS_MAX,
    RULES_MAX,
    SPANS_MS,
    Counts,
    advanced,
    alerted,
    changed,
    opened,
)

MINUTE_MS = 60_000


def test_counts_fade_by_their_time_constants() -> None:
    counts = alerted(alerted(Counts(), "CpuHigh", 3, 0), "CpuHigh", 2, 0)
    counts = advanced(counts, SPANS_MS[1])
    assert counts.alerts == pytest.approx([2 * math.exp(-SPANS_MS[1] / span) for span in SPANS_MS])
    assert counts.severe == pytest.approx([each / 2 for each in counts.alerts])


def test_a_clock_that_goes_back_changes_no_count() -> None:
    before = alerted(Counts(), "CpuHigh", 3, 10 * MINUTE_MS)
    assert advanced(before, 0) == before
    assert opened(before, 0).incident_at_ms == 10 * MINUTE_MS


def test_the_latest_change_counts_whenever_it_is_heard_of() -> None:
    assert changed(changed(Counts(), 7), 5).change_at_ms == 7


def test_at_the_limit_the_rule_that_weighs_least_is_forgotten() -> None:
    counts = Counts()
    for number in range(RULES_MAX):
        for _ in range(2 if number else 1):
            counts = alerted(counts, f"rule-{number}", 1, number)
    counts = alerted(counts, "newest", 1, RULES_MAX)
    assert len(counts.rules) == RULES_MAX
    assert "rule-0" not in counts.rules
    assert "newest" in counts.rules


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(-(2**40), 2**45), st.text(max_size=300)),
        max_size=60,
    )
)
def test_whatever_happens_counts_are_finite_and_bounded(
    happened: list[tuple[int, int, str]],
) -> None:
    counts = Counts()
    for what, at_ms, name in happened:
        if what == 0:
            counts = alerted(counts, name, len(name), at_ms)
        else:
            counts = (changed if what == 1 else opened)(counts, at_ms)
    assert all(map(math.isfinite, (*counts.alerts, *counts.severe, counts.incidents)))
    assert all(0 <= each <= len(happened) for each in (*counts.alerts, *counts.severe))
    assert len(counts.rules) <= RULES_MAX
    assert all(len(name) <= CHARS_MAX for name in counts.rules)
