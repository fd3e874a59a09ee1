from itertools import islice
from statistics import fmean

import pytest

from tests.bench.learning.estate import DISSOLVED, NEW_TEAM, RULES
from tests.bench.learning.generator import CHECK_SEED, HEADS, LABELS, SEED, ceilings, stream

pytestmark = pytest.mark.skipif(
    not RULES.exists(), reason="../shared/datasets/rules is absent beside the checkout"
)


def test_the_same_seed_makes_the_same_stream() -> None:
    assert list(islice(stream(2_000), 300)) == list(islice(stream(2_000), 300))
    first = next(stream(2_000, SEED)).alert
    assert next(stream(2_000, CHECK_SEED)).alert != first


def test_labels_are_known_and_teams_are_reorganised() -> None:
    examples = list(stream(5_000))
    for each in examples:
        assert set(each.labels) == set(each.best) == set(HEADS)
        assert all(each.labels[head] in LABELS[head] for head in HEADS)
    before = {each.labels["team"] for each in examples[:2_900]}
    since = {each.labels["team"] for each in examples[3_100:]}
    assert NEW_TEAM in since - before
    assert DISSOLVED in before - since
    names = [{each.alert.service for each in part} for part in (examples[:1_400], examples[4_100:])]
    assert names[1] - names[0]


def test_nobody_guesses_better_than_the_ceiling() -> None:
    """Someone who knows what made each alert is right as often as the ceiling says."""
    examples = list(stream(6_000))
    found = ceilings(examples)
    assert all(0.5 < found[head] < 1.0 for head in HEADS)
    assert found["category"] == pytest.approx(1 - 0.02 + 0.02 / len(LABELS["category"]))
    assert fmean(found.values()) < 0.95
