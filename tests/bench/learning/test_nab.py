"""The measurement itself: what is held out is not chosen on, and debouncing looks back only."""

from __future__ import annotations

import pytest

from pipeline.models.anomaly.alarm import Setting
from pipeline.models.anomaly.kept import readings
from tests.bench.learning import families
from tests.bench.learning.nab import held_out, held_out_threshold, said
from tests.bench.learning.rivals import debounced, sigmas
from tests.bench.learning.series import Series
from tests.bench.learning.windows import PROFILES, Verdict, field
from tests.models.anomaly.given import daily


def test_each_category_gets_what_was_best_on_the_others() -> None:
    options = [
        {"a": Verdict(9.0), "b": Verdict(-1.0), "c": Verdict(0.0)},
        {"a": Verdict(-9.0), "b": Verdict(2.0), "c": Verdict(1.0)},
    ]

    assert [each.worth for each in held_out(options).values()] == [-9.0, -1.0, 0.0]


def test_a_threshold_comes_from_the_other_categories() -> None:
    judged = field([str(each) for each in range(100)], [("50", "59")])
    corpus = [Series(name, [], [], judged) for name in ("a/1", "b/1")]
    scores = [[0.0] * 100, [0.0] * 100]
    scores[0][50], scores[1][50], scores[1][90] = 0.3, 0.9, 0.5

    found = held_out_threshold(corpus, scores, PROFILES["standard"])

    assert (found["a"].hits, found["b"].hits, found["b"].false) == (0, 1, 1)


def test_a_score_passes_only_above_all_that_passed_of_late() -> None:
    scores = [0.0, 0.5, 0.4, 0.6, 0.5] + [0.0] * 130 + [0.1]

    assert [index for index, each in enumerate(debounced(scores)) if each] == [1, 3, 135]


def test_sigmas_wait_for_their_window() -> None:
    made = sigmas([float(each % 2) for each in range(400)] + [10.0])

    assert not any(made[:288])
    assert made[-1] > 15.0


def test_alarms_are_ones_among_zeros() -> None:
    assert said([0.0, 0.2, 0.2, 0.0], Setting(threshold=0.1)) == [0.0, 1.0, 0.0, 0.0]


def test_the_family_of_all_views_is_what_is_shipped() -> None:
    points = daily(400, seed=3, bumps={350: 120.0})
    one = Series("a/1", [at_ms for at_ms, _ in points], [value for _, value in points],
                 field([], []))  # fmt: skip
    shipped = [each.strength for each in readings(points)]

    made = families.strengths([one], [shipped])

    assert made["all", True][0][350] == pytest.approx(shipped[350], rel=0.01)
    residual = [made[name, False][0][350] for name in ("residual 1", "residual")]
    assert 0.0 < residual[0] < residual[1] < shipped[350]
    assert (("all", True), Setting()) in families.options()
