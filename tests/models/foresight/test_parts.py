"""The features of foresight: bounded, named, and none for a rule that is usual."""

import math

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.foresight import Counts, Question, alerted, changed, opened
from pipeline.domain.model import ROWS_MAX
from pipeline.models.foresight import naming
from pipeline.models.foresight.signals import HASHED_FROM, ROWS, Lately, features

MINUTE_MS = 60_000


def test_a_rule_that_never_fired_is_foreign_and_a_usual_one_is_not() -> None:
    counts = Counts()
    for day in range(7):
        counts = alerted(counts, "usual", 1, day * 1_440 * MINUTE_MS)
    now_ms = 7 * 1_440 * MINUTE_MS
    counts = alerted(alerted(counts, "usual", 1, now_ms), "new", 1, now_ms)
    found = Lately(counts, now_ms)
    assert (found.count, found.foreign_count, found.names) == (2, 1, ["new", "usual"])


def test_every_figure_and_every_mark_has_a_name_for_people() -> None:
    counts = Counts()
    for rule in ("DiskSlow", "CpuHigh, always", "JobLate"):
        counts = alerted(counts, rule, 3, 0)
    found = features(Question(counts, (counts,), 5 * MINUTE_MS))
    assert len(found.dense) == len(naming.FIGURES) <= HASHED_FROM
    assert found.dense[0] == 1.0
    assert naming.FIGURES[0] == ""
    assert {"DiskSlow", "CpuHigh, always", naming.BUSY, naming.CHANGE} <= set(found.tokens)
    assert "CpuHigh, always and DiskSlow" in found.tokens


instants = st.integers(0, 10**13)
happenings = st.lists(
    st.tuples(st.sampled_from((alerted, changed, opened)), instants, st.text(max_size=3)),
    max_size=60,
)


@given(happenings, instants)
def test_features_are_bounded_finite_and_of_known_rows(
    happened: list[tuple[object, int, str]], at_ms: int
) -> None:
    counts = Counts()
    for what, instant_ms, name in happened:
        if what is alerted:
            counts = alerted(counts, name, len(name) + 1, instant_ms)
        else:
            counts = (changed if what is changed else opened)(counts, instant_ms)
    found = features(Question(counts, (counts,) * 40, at_ms))
    assert len(found.rows) == len(found.tokens) <= ROWS_MAX
    assert list(found.rows) == sorted(set(found.rows))
    assert all(HASHED_FROM <= row < ROWS for row in found.rows)
    assert all(math.isfinite(value) and abs(value) < 6 for value in found.dense)
