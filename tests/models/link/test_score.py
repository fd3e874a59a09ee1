"""Links: the rule until enough has turned out, then what was learned; kept bit for bit."""

import math
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.model import SnapshotError
from pipeline.models.link import together
from pipeline.models.link.pair import ROWS, Pair, features
from pipeline.models.link.score import OUTCOMES_MIN, Links, State
from pipeline.models.link.together import Together


def taught(outcomes: int, seed: int = 1) -> Links:
    """Links that saw that what is near belongs together, what is far does not."""
    links, dice = Links(), Random(seed)
    for _ in range(outcomes):
        is_same = dice.random() < 0.4
        links.learn(drawn(dice, is_same=is_same), is_same=is_same)
    return links


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


NEAR = Pair(hops=0, apart_ms=5_000, silent_ms=5_000, size=4, name="Errors")
DISTANT = Pair(hops=3, apart_ms=200_000, silent_ms=200_000, size=4, name="Errors")


@pytest.mark.parametrize("is_ruled", [True, False])
def test_until_enough_has_turned_out_the_rule_decides(is_ruled: bool) -> None:
    links = taught(OUTCOMES_MIN - 1)
    for pair in (NEAR, DISTANT):
        verdict = links.judge(replace(pair, is_ruled=is_ruled))
        assert (verdict.is_joined, verdict.is_learned) == (is_ruled, False)


@pytest.mark.parametrize("is_ruled", [True, False])
def test_then_what_was_learned_decides_whatever_the_rule_says(is_ruled: bool) -> None:
    links = taught(OUTCOMES_MIN)
    assert links.judge(replace(NEAR, is_ruled=is_ruled)).is_joined
    assert not links.judge(replace(DISTANT, is_ruled=is_ruled)).is_joined
    assert links.judge(replace(NEAR, is_ruled=is_ruled)).is_learned


@pytest.mark.parametrize("outcomes", [0, 7, 600])
def test_restored_is_what_was_never_interrupted(outcomes: int) -> None:
    links = taught(outcomes)
    links.together.learn("a", "b")
    restored = Links.restore(links.snapshot())
    dice = Random(9)
    for _ in range(50):
        pair = drawn(dice, is_same=True)
        links.learn(pair, is_same=True)
        restored.learn(pair, is_same=True)
        assert restored.judge(pair) == links.judge(pair)
    assert restored.snapshot() == links.snapshot()
    assert restored.together.affinity("a", "b") == links.together.affinity("a", "b")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "content"),
        (msgspec.msgpack.encode(State(99, 1, 0, [], 0, [], [])), "format"),
        (msgspec.msgpack.encode(State(1, 99, 0, [], 0, [], [])), "features"),
        (msgspec.msgpack.encode(State(1, 1, 0, [(-1, 0.0, 0.0)], 0, [], [])), "content"),
        (msgspec.msgpack.encode(State(1, 1, 0, [], math.nan, [], [])), "content"),
        (msgspec.msgpack.encode(State(1, 1, 0, [], 1, [("a", -1.0)], [])), "content"),
        (msgspec.msgpack.encode(State(1, 1, 0, [], 1, [], [("a", math.inf)])), "content"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        Links.restore(raw)
    assert caught.value.reason == reason


whole = st.integers(-(2**63), 2**63 - 1)


@given(whole, whole, whole, whole, st.integers(0, 10**6), st.floats(), st.floats(), st.text())
def test_features_of_anything_are_distinct_known_rows(
    hops: int, apart: int, silent: int, pace: int, size: int, share: float, odd: float, name: str
) -> None:
    rows, values = features(
        Pair(
            hops=hops, apart_ms=apart, silent_ms=silent, pace_ms=pace, size=size, affinity=odd,
            place_share=share, trust=odd, shared_labels=odd, name=name, latest_name=name,
        )
    )  # fmt: skip
    assert len(rows) == len(set(rows)) == len(values)
    assert all(0 <= row < ROWS for row in rows)


def test_what_meets_often_has_affinity_and_what_never_met_has_less() -> None:
    words = Together()
    for _ in range(50):
        words.learn("errors", "latency")
        words.learn("backup", "clock")
    assert words.affinity("errors", "latency") == words.affinity("latency", "errors") > 0.5
    assert words.affinity("errors", "backup") < -0.5
    assert words.affinity("never", "seen") == 0.0


def test_words_and_pairs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "WORDS_MAX", 20)
    monkeypatch.setattr(together, "PAIRS_MAX", 30)
    words = Together()
    for number in range(500):
        words.learn(f"word-{number}", f"word-{number // 2}")
        words.learn("often", "met")
    _, kept, pairs = words.packed()
    assert len(kept) <= 20
    assert len(pairs) <= 30
    assert words.affinity("often", "met") > 0
