import hashlib
import math
import random

import pytest

from pipeline.domain.model import Features, SnapshotError
from pipeline.models.softmax.head import (
    JUDGED_EVERY,
    JUDGED_EVERY_OF_TWO,
    JUDGED_FIRST,
    chances,
    exponentials,
)
from pipeline.models.softmax.kept import SoftmaxKind
from pipeline.models.softmax.labels import FADE_EVERY
from pipeline.models.softmax.model import COLUMNS, Softmax
from tests.checks.model import subjects

KIND = SoftmaxKind()


def digest(model: Softmax) -> str:
    whole = hashlib.sha256(model.table.weights.tobytes() + model.table.squares.tobytes())
    return whole.hexdigest() + model.snapshot("m", 0)[0].checksum


def test_a_snapshot_and_a_replay_are_the_model_that_was_never_interrupted() -> None:
    stream = [(KIND.features(each), labels) for each, labels in subjects(3_000)]
    whole = KIND.fresh()
    for features, labels in stream:
        whole.learn(features, labels)
    expected, rng = digest(whole), random.Random(15)
    for _ in range(15):
        cut = int(rng.random() * len(stream))
        first = KIND.fresh()
        for features, labels in stream[:cut]:
            first.learn(features, labels)
        head, chunks = first.snapshot("m", cut)
        second = KIND.restore(head, chunks)
        for features, labels in stream[head.offset :]:
            second.learn(features, labels)
        assert digest(second) == expected, f"cut at {cut}"


def test_writing_a_snapshot_changes_nothing() -> None:
    stream = [(KIND.features(each), labels) for each, labels in subjects(400)]
    quiet, kept = KIND.fresh(), KIND.fresh()
    for number, (features, labels) in enumerate(stream):
        quiet.learn(features, labels)
        kept.learn(features, labels)
        if number % 50 == 0:
            kept.snapshot("m", number)
    assert digest(quiet) == digest(kept)


def test_only_heads_with_a_label_learn() -> None:
    model = Softmax()
    features = Features((1, 2, 3))
    model.learn(features, {"team": "web"})
    model.learn(features, {"team": "db"})
    before = model.table.weights.copy()
    model.learn(features, {"severity": "info"})
    model.learn(features, {"severity": "critical"})
    start = {head.name: head.start for head in model.heads}
    team = slice(start["team"], start["team"] + COLUMNS["team"])
    severity = slice(start["severity"], start["severity"] + COLUMNS["severity"])
    assert (model.table.weights[:, team] == before[:, team]).all()
    assert (model.table.weights[:, severity] != 0).any()
    assert {each.head for each in model.score(features)} == {"team", "severity"}


def test_a_full_head_forgets_the_label_learned_least() -> None:
    model = Softmax({"team": 3})
    for row, team in enumerate(("a", "a", "a", "b", "b", "c")):
        model.learn(Features((row, 9)), {"team": team})
    for number in range(50):
        model.learn(Features((20,)), {"team": f"seen-once-{number}"})
    (head,) = model.heads
    assert head.labels.names == ["a", "b", "seen-once-49"]
    assert head.labels.forgotten_count == 50
    column = head.labels.columns["seen-once-49"]
    assert model.table.weights[5, column] == 0.0


def test_a_label_no_longer_used_makes_room() -> None:
    model = Softmax({"team": 2})
    for label, count in (("old", FADE_EVERY), ("new", 2 * FADE_EVERY), ("newest", 1)):
        for _ in range(count):
            model.learn(Features((1,)), {"team": label})
    assert sorted(model.heads[0].labels.names) == ["new", "newest"]


@pytest.mark.parametrize("policy", ["warn", "reset"])
def test_a_reorganisation_is_noticed_and_followed(policy: str) -> None:
    model = Softmax({"team": 8}, on_drift=policy)  # type: ignore[arg-type]
    rng, hits = random.Random(6), 0
    for number in range(6_000):
        service = int(rng.random() * 6)
        team = f"team-{service if number < 3_000 else (service + 1) % 6}"
        features = Features((service, 100 + int(rng.random() * 50), 300))
        if number >= 5_000:
            hits += model.score(features)[0].label == team
        model.learn(features, {"team": team})
    (quality,) = model.qualities()
    assert quality.drifts_count >= 1
    assert quality.drifted_at >= 3_000
    assert hits > 970


def test_reset_forgets_one_head_only() -> None:
    model = Softmax({"team": 4, "noise": 2}, on_drift="reset")
    rng, count = random.Random(7), 0
    while not model.heads[0].drifts_count:
        count += 1
        shift = count > 2_000
        row = int(rng.random() * 4)
        labels = {"team": f"t{(row + 2 * shift) % 4}", "noise": "yes" if row % 2 else "no"}
        model.learn(Features((row,)), labels)
        assert count < 3_000
    team = model.table.weights[:4, :4]
    assert abs(team).max() <= 0.4
    assert model.score(Features((1,)))[1].label == "yes"
    assert model.score(Features((1,)))[1].confidence > 0.9


def test_later_outcomes_are_judged_one_in_a_few() -> None:
    model = Softmax({"team": 4})
    for number in range(JUDGED_FIRST + 1_000):
        model.learn(Features((1,)), {"team": "ab"[number % 2]})
    judged = model.heads[0].rolling.judged_count
    assert judged == pytest.approx(JUDGED_FIRST + 1_000 / JUDGED_EVERY, abs=2)


@pytest.mark.parametrize("odds", [[0.0], [1e4, -1e4], [-1e4, -1e4], [3.0, 1.0, 2.0]])
def test_chances_share_one(odds: list[float]) -> None:
    found = chances(odds, 5.0)
    assert sum(found) == pytest.approx(1.0)
    assert found.index(max(found)) == odds.index(max(odds))


@pytest.mark.parametrize(
    "odds", [[1.0, 0.0], [709.0] * 54, [1e4, -1e4], [-1e4, -1e4], [float("inf"), 0.0]]
)
def test_exponentials_never_overflow(odds: list[float]) -> None:
    found = exponentials(odds)
    assert math.fsum(found) < math.inf
    assert found[0] == max(found)


@pytest.mark.parametrize("height", [-2_000.0, -400.0, 400.0, 2_000.0])
def test_weights_of_any_height_give_chances_and_learn(height: float) -> None:
    model = Softmax({"team": 3})
    for team in "abc":
        model.learn(Features((1, 2)), {"team": team})
    model.table.weights[1] = height
    for _ in range(3):
        model.learn(Features((1, 2)), {"team": "b"})
        (belief,) = model.score(Features((1, 2)))
        assert 0.0 < belief.confidence <= 1.0
        assert belief.label in belief.candidates
    assert model.table.weights[2].tolist() == pytest.approx([0, 0, 0], abs=2)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0])
def test_a_snapshot_of_what_is_no_number_is_refused(wrong: float) -> None:
    model = Softmax()
    model.learn(Features((1, 2)), {"team": "a"})
    model.table.squares[1, 0] = wrong
    if wrong != -1.0:
        model.table.weights[1, 0] = wrong
    with pytest.raises(SnapshotError, match="add up") as caught:
        KIND.restore(*model.snapshot("m", 0))
    assert caught.value.reason == "content"


def test_heads_of_two_labels_are_judged_more_often() -> None:
    assert [(head.name, head.every) for head in Softmax().heads if head.every < JUDGED_EVERY] == [
        ("noise", JUDGED_EVERY_OF_TWO),
        ("self_resolving", JUDGED_EVERY_OF_TWO),
    ]
