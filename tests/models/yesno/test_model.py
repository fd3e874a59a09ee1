"""The model of yes-or-no kinds keeps the laws of every model: bit for bit, bounded, unmoved."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.model import NO, YES, Features, SnapshotError
from pipeline.models.snapshot.chunks import checksum
from pipeline.models.yesno.model import Shape, State, YesNo, YesNoKind

SHAPE = Shape(
    kind="tried.1", features_version=3, head="wet", rows_count=64, rate=0.1, bias=-1.0,
    outcomes_min=40, yes_min=10, figures=("bias", "cloud"), mark=0.5,
)  # fmt: skip


def seen(cloud: float) -> Features:
    """The sky as features: a figure, and a row for its tenth."""
    return Features((2 + int(cloud * 10),), (1.0, cloud), (f"tenth={int(cloud * 10)}",))


KIND = YesNoKind(SHAPE, seen)


def taught(count: int, seed: int = 1, wet_from: float = 0.6) -> YesNo:
    model, dice = KIND.fresh(), Random(seed)
    for _ in range(count):
        cloud = dice.random()
        model.learn(seen(cloud), {"wet": YES if cloud > wet_from else NO})
    return model


def digest(model: YesNo) -> str:
    return model.snapshot("m", 0)[0].checksum


def test_it_learns_and_names_what_spoke() -> None:
    model = taught(2_000)
    (belief,) = model.score(seen(0.95), is_explained=True)
    assert (belief.head, belief.label) == ("wet", YES)
    assert belief.evidence[0][0] in ("cloud", "tenth=9")
    assert belief.confidence > 0.8
    (belief,) = model.score(seen(0.05))
    assert (belief.label, belief.evidence) == (NO, ())
    (quality,) = model.qualities()
    assert quality.outcomes_count == 2_000
    assert quality.accuracy > 0.9
    assert quality.pr_auc > 0.9


def test_it_believes_nothing_before_enough_of_both() -> None:
    assert taught(39).score(seen(0.9)) == ()
    assert taught(40).score(seen(0.9)) != ()
    assert taught(500, wet_from=2.0).score(seen(0.9)) == (), "it has never been wet"


def test_what_is_no_answer_changes_nothing() -> None:
    model = taught(50)
    before = digest(model)
    for labels in ({}, {"dry": YES}, {"wet": "maybe"}, {"wet": ""}):
        model.learn(seen(0.5), labels)
    model.score(seen(0.5), is_explained=True)
    assert digest(model) == before


def test_restored_is_what_was_never_interrupted() -> None:
    for count in (0, 7, 600):
        model = taught(count)
        head, chunks = model.snapshot("m", 5)
        restored = KIND.restore(head, chunks)
        assert restored.version == head.version == f"{count}-{head.checksum[:8]}"
        dice = Random(9)
        for _ in range(200):
            cloud = dice.random()
            for each in (model, restored):
                each.learn(seen(cloud), {"wet": YES if cloud > 0.6 else NO})
            assert restored.score(seen(cloud)) == model.score(seen(cloud))
        assert digest(restored) == digest(model)


def test_a_change_of_the_world_is_counted_as_drift() -> None:
    model, dice = taught(1_000), Random(2)
    for _ in range(1_000):
        cloud = dice.random()
        model.learn(seen(cloud), {"wet": NO if cloud > 0.6 else YES})
    (quality,) = model.qualities()
    assert quality.drifts_count >= 1
    assert quality.drifted_at > 1_000


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"kind": "other.1"}, "kind"),
        ({"features_version": 4}, "features"),
        ({"checksum": "0"}, "checksum"),
        ({"chunks_count": 2}, "incomplete"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(changed: dict[str, Any], reason: str) -> None:
    head, chunks = taught(50).snapshot("m", 0)
    with pytest.raises(SnapshotError) as caught:
        KIND.restore(replace(head, **changed), chunks)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "weights", [[(-1, 0.0, 0.0)], [(64, 0.0, 0.0)], [(1, math.nan, 0.0)], [(1, 0.0, -1.0)], None]
)
def test_content_that_can_not_be_is_refused(weights: Any) -> None:
    head, (body,) = taught(50).snapshot("m", 0)
    state = msgspec.msgpack.decode(body, type=State)
    raw = b"\xc1" if weights is None else msgspec.msgpack.encode(replace(state, weights=weights))
    head = replace(head, size_bytes=len(raw), checksum=checksum([raw]))
    with pytest.raises(SnapshotError) as caught:
        KIND.restore(head, [raw])
    assert caught.value.reason == "content"


@given(
    st.lists(st.integers(-5, 2**40), max_size=30),
    st.lists(st.floats(), max_size=5),
)
def test_no_features_break_it(rows: list[int], dense: list[float]) -> None:
    model = taught(60)
    features = Features(tuple(rows), tuple(dense))
    for label in (YES, NO):
        model.learn(features, {"wet": label})
    (belief,) = model.score(features, is_explained=True)
    assert 0.5 <= belief.confidence <= 1.0
    KIND.restore(*model.snapshot("m", 0))
