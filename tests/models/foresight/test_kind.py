"""Foresight learns what foretells, says what spoke for it, and is silent before it knows enough."""

import math

import pytest

from pipeline.domain.foresight import (
    HEAD,
    MINUTE_MS,
    Counts,
    Question,
    alerted,
    changed,
    opened,
)
from pipeline.domain.model import NO, YES, Belief
from pipeline.models.foresight.kind import KIND, SHAPE
from pipeline.models.yesno.model import YesNo
from tests.models.foresight.given import START_MS, asked, lived

HOURS = 200


def believed(model: YesNo, service: str, counts: dict[str, Counts], at_ms: int) -> Belief:
    (belief,) = model.score(asked(counts, service, at_ms), is_explained=True)
    return belief


def chance(belief: Belief) -> float:
    return belief.confidence if belief.label == YES else 1 - belief.confidence


def test_what_foretells_is_told_from_what_does_not() -> None:
    model = KIND.fresh()
    counts = lived(model, HOURS)
    at_ms = START_MS + HOURS * 60 * MINUTE_MS
    for minute in (0, 5, 10):
        counts["api"] = alerted(counts["api"], "DiskSlow", 3, at_ms + minute * MINUTE_MS)
    counts["store"] = alerted(counts["store"], "CpuHigh", 2, at_ms)
    threatened = believed(model, "api", counts, at_ms + 12 * MINUTE_MS)
    calm = believed(model, "store", counts, at_ms + 12 * MINUTE_MS)
    assert chance(threatened) > 0.4
    assert chance(calm) < chance(threatened) / 4
    names = [name for name, _ in threatened.evidence]
    assert "DiskSlow" in names
    assert len(names) == len(set(names)) <= 5
    assert all(weight > 0 for _, weight in threatened.evidence)


def test_nothing_is_believed_before_enough_has_turned_out() -> None:
    model = KIND.fresh()
    lived(model, HOURS)
    features = asked(lived(KIND.fresh(), 1), "api", START_MS)
    assert model.score(features)
    fresh = KIND.fresh()
    for number in range(SHAPE.outcomes_min + SHAPE.yes_min):
        assert fresh.score(features) == ()
        is_yes = number >= SHAPE.outcomes_min
        fresh.learn(features, {HEAD: YES if is_yes else NO})
    assert fresh.score(features)


def test_restored_is_the_model_that_was_never_interrupted() -> None:
    model = KIND.fresh()
    counts = lived(model, HOURS)
    restored = KIND.restore(*model.snapshot("foresight@default", 7))
    at_ms = START_MS + HOURS * 60 * MINUTE_MS
    assert believed(restored, "web", counts, at_ms) == believed(model, "web", counts, at_ms)
    lived(model, 3, seed=2)
    lived(restored, 3, seed=2)
    assert restored.snapshot("m", 8)[0].checksum == model.snapshot("m", 8)[0].checksum


@pytest.mark.parametrize("at_ms", [0, -5, 2**62, START_MS])
def test_clocks_that_jump_and_odd_names_are_borne(at_ms: int) -> None:
    model = KIND.fresh()
    counts = lived(model, HOURS)["api"]
    counts = alerted(counts, "\ud800", 99, at_ms)
    counts = alerted(counts, "x" * 10_000, -1, at_ms)
    counts = opened(changed(counts, at_ms), at_ms)
    for instant_ms in (at_ms, START_MS, 0):
        features = KIND.features(Question(counts, (counts,) * 99, instant_ms))
        assert len(features.rows) == len(features.tokens) <= 128
        (belief,) = model.score(features, is_explained=True)
        assert math.isfinite(belief.confidence)
        model.learn(features, {HEAD: YES})
