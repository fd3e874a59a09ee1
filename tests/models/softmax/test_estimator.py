import random
from typing import Any

from river import compose, evaluate, feature_extraction, metrics

from pipeline.models.softmax.estimator import HashedSoftmax


def stream(count: int) -> list[tuple[dict[str, Any], str]]:
    rng, found = random.Random(9), []
    for _ in range(count):
        kind = int(rng.random() * 3)
        found.append(
            (
                {"kind": f"k{kind}", "odd": kind % 2, "pi": float("nan"), "n": rng.random()},
                f"l{kind}",
            )
        )
    return found


def test_river_measures_it_like_its_own() -> None:
    model = HashedSoftmax(labels_max=4)
    make: Any = metrics.Accuracy
    outcomes: Any = stream(500)
    measured: Any = evaluate.progressive_val_score(outcomes, model, make())
    assert measured.get() > 0.97


def test_it_ends_a_pipeline_on_text() -> None:
    bag: Any = feature_extraction.BagOfWords()
    model: Any = compose.Pipeline(bag, HashedSoftmax())
    for _ in range(20):
        model.learn_one("disk is full", "storage")
        model.learn_one("link is down", "network")
    assert model.predict_one("disk full again") == "storage"
    assert max(model.predict_proba_one("link down")) == "storage"
    assert model.predict_one("link down") == "network"


def test_a_clone_has_learned_nothing_and_labels_keep_their_type() -> None:
    model = HashedSoftmax(labels_max=2)
    assert model.predict_one({"a": 1}) is None
    for label in (True, False, 3, True):
        model.learn_one({"a": 1}, label)
    assert set(model.predict_proba_one({"a": 1})) <= {True, False, 3}
    assert len(model.predict_proba_one({"a": 1})) == 2
    clone = model.clone()
    assert clone.labels_max == 2
    assert clone.predict_proba_one({"a": 1}) == {}


def test_predicting_changes_neither_features_nor_model() -> None:
    model = HashedSoftmax()
    for features, label in stream(50):
        model.learn_one(features, label)
    features = stream(1)[0][0]
    before = dict(features)
    first = model.predict_proba_one(features)
    assert model.predict_proba_one(features) == first
    assert repr(features) == repr(before)
