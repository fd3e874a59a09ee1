import math
import random
from typing import Any

import pytest
from river.drift import ADWIN

from pipeline.models.drift import rolling
from pipeline.models.drift.policy import Drifted, decide
from pipeline.models.drift.rolling import HORIZON, WINDOW, Rolling
from pipeline.models.drift.watch import Watch, WatchState


@pytest.mark.parametrize(
    ("policy", "before", "since", "action"),
    [
        ("warn", 0.03, 0.30, "warn"),
        ("reset", 0.03, 0.30, "reset"),
        ("reset", 0.03, 0.05, "warn"),
        ("reset", 0.30, 0.03, "none"),
        ("reset", 0.30, 0.30, "none"),
    ],
)
def test_what_follows_from_drift(policy: str, before: float, since: float, action: str) -> None:
    assert decide(policy, Drifted("team", before, since)) == action  # type: ignore[arg-type]


def errors(count: int, seed: int) -> list[bool]:
    rng = random.Random(seed)
    return [rng.random() < (0.05 if number < count / 2 else 0.3) for number in range(count)]


def test_a_watch_is_rivers_adwin() -> None:
    adwin: Any = ADWIN()  # type: ignore[no-untyped-call]
    watch, found, expected = Watch(), [], []
    for number, is_error in enumerate(errors(4_000, 1)):
        adwin.update(is_error)
        if adwin.drift_detected:
            expected.append(number)
        if watch.learn(is_error):
            found.append(number)
    assert found == expected
    assert found
    assert 2_000 < found[0] < 2_200


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 1_999, 2_040, 3_000])
def test_a_watch_taken_up_again_is_the_same(cut: int) -> None:
    stream = errors(4_000, 2)
    whole, first = Watch(), Watch()
    for is_error in stream[:cut]:
        whole.learn(is_error)
        first.learn(is_error)
    second = Watch(first.state())
    assert second.state() == first.state()
    for is_error in stream[cut:]:
        assert second.learn(is_error) == whole.learn(is_error)
    assert second.state() == whole.state()


def test_a_watch_of_another_river_starts_anew() -> None:
    watch = Watch(WatchState(b"\x00" * 10, "0.0.1", is_alarmed=True))
    assert watch.learn(True) is False
    assert watch.error_rate == 1.0


def test_rolling_figures_are_those_of_the_last_outcomes() -> None:
    rng, found = random.Random(4), Rolling()
    for number in range(5 * HORIZON):
        right = 0.6 if number < 2 * HORIZON else 0.9
        found.learn(0.9, 0.5, is_hit=rng.random() < right)
    assert found.calibration_error < 0.03
    assert found.log_loss == pytest.approx(-math.log(0.5), abs=1e-6)
    for _ in range(3 * HORIZON):
        found.learn(0.9, 0.5, is_hit=rng.random() < 0.4)
    assert found.calibration_error == pytest.approx(0.5, abs=0.05)


def test_rolling_weights_are_scaled_back_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, rng = Rolling(), Rolling(), random.Random(5)
    stream = [(rng.random(), rng.random() < 0.5) for _ in range(500)]
    for confidence, is_hit in stream:
        one.learn(confidence, 0.5, is_hit=is_hit)
    monkeypatch.setattr(rolling, "_GROWN_MAX", 1.01)
    for confidence, is_hit in stream:
        other.learn(confidence, 0.5, is_hit=is_hit)
    assert other.weight < one.weight
    assert other.calibration_error == pytest.approx(one.calibration_error)


def test_the_precision_recall_curve_needs_both_answers() -> None:
    found = Rolling()
    assert math.isnan(found.pr_auc)
    assert math.isnan(found.calibration_error)
    for number in range(WINDOW + 50):
        found.learn(0.9, 0.5, is_hit=True)
        found.learn_chance(0.9 if number % 2 else 0.1, is_yes=bool(number % 2))
    assert found.pr_auc == pytest.approx(1.0)
    assert len(found.chances) == len(found.truths) == WINDOW
