"""A pair as features: distinct known rows of anything, and what they say of near and far."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.link import HEAD, Pair
from pipeline.domain.model import NO, YES, Model
from pipeline.models.link.kind import KIND, OUTCOMES_MIN
from pipeline.models.link.pair import ROWS

NEAR = Pair(hops=0, apart_ms=5_000, silent_ms=5_000, size=4, name="Errors")
DISTANT = Pair(hops=3, apart_ms=200_000, silent_ms=200_000, size=4, name="Errors")


def drawn(dice: Random, *, is_same: bool) -> Pair:
    """A pair that belongs together or not, now and then looking otherwise."""
    looks_near = is_same != (dice.random() < 0.05)
    apart_ms = round(dice.expovariate(1 / (10_000 if looks_near else 120_000)))
    return Pair(
        hops=dice.choice((0, 1)) if looks_near else dice.choice((1, 2, 3)),
        apart_ms=apart_ms,
        silent_ms=apart_ms,
        size=dice.randint(1, 9),
        name=dice.choice(("Errors", "Latency")),
        is_ruled=dice.random() < 0.5,
    )


def taught(outcomes: int) -> Model:
    """A model that saw that what is near belongs together, what is far does not."""
    model, dice = KIND.fresh(), Random(1)
    for _ in range(outcomes):
        is_same = dice.random() < 0.4
        pair = drawn(dice, is_same=is_same)
        model.learn(KIND.features(pair), {HEAD: YES if is_same else NO})
    return model


def test_until_enough_has_turned_out_it_believes_nothing() -> None:
    assert taught(OUTCOMES_MIN - 1).score(KIND.features(NEAR)) == ()


@pytest.mark.parametrize("is_ruled", [True, False])
def test_then_it_tells_near_from_far_whatever_the_rule_says(is_ruled: bool) -> None:
    model = taught(OUTCOMES_MIN)
    for pair, label in ((NEAR, YES), (DISTANT, NO)):
        features = KIND.features(replace(pair, is_ruled=is_ruled))
        (belief,) = model.score(features, is_explained=True)
        assert (belief.head, belief.label, belief.candidates) == (HEAD, label, (label,))
        assert belief.confidence > 0.7
        assert belief.evidence
        assert {token for token, _ in belief.evidence} <= set(features.tokens)


whole = st.integers(-(2**63), 2**63 - 1)


@given(whole, whole, whole, whole, whole, whole, st.text(), st.booleans())
def test_features_of_anything_are_distinct_known_rows(
    hops: int, apart: int, silent: int, pace: int, size: int, services: int, name: str, ruled: bool
) -> None:
    features = KIND.features(
        Pair(
            hops=hops, apart_ms=apart, silent_ms=silent, pace_ms=pace, size=size,
            services_count=services, name=name, latest_name=name, is_ruled=ruled,
        )
    )  # fmt: skip
    rows = features.rows
    assert list(rows) == sorted(set(rows))
    assert rows[0] == 0
    assert rows[-1] < ROWS
    assert len(features.tokens) == len(rows)
    assert features.dense == ()
