import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.calibration.bins import BINS, Bins, bin_of
from pipeline.models.calibration.conformal import CANDIDATES_MAX, COVERAGE, Conformal
from pipeline.models.calibration.temperature import BETA_MAX, BETA_MIN, Temperature
from pipeline.models.softmax.head import chances


@pytest.mark.parametrize("boldness", [0.5, 1.0, 2.5])
def test_the_temperature_finds_how_bold_the_scores_are(boldness: float) -> None:
    rng, found = random.Random(1), Temperature()
    for _ in range(20_000):
        odds = rng.gauss(0.0, 2.0)
        is_yes = rng.random() < 1.0 / (1.0 + math.exp(-odds))
        bold = [boldness * odds, 0.0]
        share = chances(bold, found.beta)
        found.learn(share[0] * bold[0], bold[0] if is_yes else 0.0)
    assert found.beta == pytest.approx(1.0 / boldness, rel=0.15)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), max_size=200))
def test_the_temperature_stays_within_its_bounds(steps: list[tuple[float, float]]) -> None:
    found = Temperature()
    for expected, truth in steps:
        found.learn(expected, truth)
        assert BETA_MIN <= found.beta <= BETA_MAX


def test_bins_learn_that_a_score_is_too_bold_and_follow_a_change() -> None:
    rng, bins = random.Random(2), Bins()
    for right in (0.6, 0.9):
        for _ in range(20_000):
            bins.learn(0.95, 1_000, is_hit=rng.random() < right)
        assert bins.confidence(0.95, 20_000) == pytest.approx(right, abs=0.03)
    assert bins.confidence(0.5, 20_000) == pytest.approx(0.5, abs=0.01)


def test_a_head_that_has_seen_little_trusts_its_score_little() -> None:
    assert Bins().confidence(1.0, 1) < 0.1
    assert Bins().confidence(1.0, 1_000) > 0.98


@given(st.floats(0.0, 1.0))
def test_every_probability_has_a_bin(probability: float) -> None:
    assert 0 <= bin_of(probability) < BINS
    assert 0.0 <= Bins().confidence(probability, 5) <= 1.0


@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.97])
def test_the_promised_share_of_truths_conforms_whatever_comes(accuracy: float) -> None:
    rng, conformal, inside, count = random.Random(3), Conformal(), 0, 20_000
    for number in range(count):
        # In its second half the scores become worse, without a word.
        right = accuracy if number < count / 2 else accuracy / 2
        truth = 0.5 + rng.random() / 2 if rng.random() < right else rng.random() / 2
        inside += 1.0 - truth <= conformal.reach
        conformal.learn(truth)
    assert inside / count == pytest.approx(COVERAGE, abs=0.01)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=20), st.floats(0.0, 1.0))
def test_conforming_labels(weights: list[float], reach: float) -> None:
    shares = [each / sum(weights) for each in weights]
    conformal = Conformal(reach)
    found = conformal.conforming(shares)
    assert found[0] == shares.index(max(shares))
    assert len(found) <= CANDIDATES_MAX
    assert [shares[n] for n in found] == sorted((shares[n] for n in found), reverse=True)
    conforming = sum(each >= 1.0 - reach for each in shares)
    if conforming:
        assert len(found) == min(conforming, CANDIDATES_MAX)
    else:
        assert len(found) == min(2, len(shares))
    if conformal.is_alone(max(shares)):
        assert len(found) == 1
