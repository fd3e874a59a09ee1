"""The one battery for every kind of model: laws of a stream that any model must keep.

A check takes a kind and raises AssertionError. `OUTCOMES` gives it something to learn.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import fmean
from typing import Final

import pytest
from msgspec.structs import replace

from pipeline.domain.model import (
    HEADS,
    LABEL_CHARS_MAX,
    ROWS_MAX,
    Belief,
    Features,
    Model,
    ModelKind,
    SnapshotError,
    Subject,
)

TEAMS: Final = ("web", "data", "net")
WORDS: Final = ("disk", "cpu", "latency", "errors", "queue", "certificate", "pod", "login")
LABELS_CONTRADICTING: Final = ("web", "data")


def subjects(count: int, seed: int = 7) -> list[tuple[Subject, dict[str, str]]]:
    """Subjects and what turned out of them: the team by service, noise by a coin."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        at = int(rng.random() * len(WORDS))
        subject = Subject(
            name=f"{WORDS[at].title()}High{WORDS[int(rng.random() * 8)].title()}",
            description=f"{WORDS[at]} is at {rng.random():.2f} on host-{number}",
            severity=("critical", "warning", "info")[number % 3],
            service=f"{WORDS[at]}-api",
            environment=("production", "staging")[number % 2],
            labels={"job": WORDS[at], "shard": str(number % 5)},
            tags=("a", "b"),
            tier=1 + number % 3,
            at_ms=number * 3_600_000,
        )
        team = "pagers" if rng.random() < 0.05 else TEAMS[at % len(TEAMS)]
        found.append((subject, {"team": team, "noise": "yes" if rng.random() < 0.3 else "no"}))
    return found


def digest(model: Model) -> str:
    """What two models share only when every bit of them is the same."""
    return model.snapshot("battery", 0)[0].checksum


def taught(kind: ModelKind[Subject], count: int = 300, seed: int = 7) -> Model:
    """A model that has learned `count` outcomes."""
    model = kind.fresh()
    for subject, labels in subjects(count, seed):
        model.learn(kind.features(subject), labels)
    return model


def check_fresh_model_believes_nothing(kind: ModelKind[Subject]) -> None:
    model = kind.fresh()
    assert model.score(kind.features(Subject(name="x"))) == ()
    assert [each.outcomes_count for each in model.qualities()] == [0] * len(HEADS)


def check_learns(kind: ModelKind[Subject]) -> None:
    model, hits = taught(kind, 600), 0
    for subject, _ in subjects(100, seed=8):
        at = WORDS.index(subject.service.partition("-")[0])
        beliefs = {each.head: each for each in model.score(kind.features(subject))}
        hits += beliefs["team"].label == TEAMS[at % len(TEAMS)]
        assert all(0.0 <= each.confidence <= 1.0 for each in beliefs.values())
        assert all(each.label in each.candidates for each in beliefs.values())
    assert hits >= 95


def check_feature_order_does_not_matter(kind: ModelKind[Subject]) -> None:
    for subject, _ in subjects(50):
        turned = replace(
            subject,
            labels=dict(reversed(list(subject.labels.items()))),
            tags=tuple(reversed(subject.tags)),
        )
        assert kind.features(turned) == kind.features(subject)


def check_features_are_bounded_and_ordered(kind: ModelKind[Subject]) -> None:
    for subject, _ in subjects(50):
        loud = replace(subject, description=" ".join(f"w{chr(97 + n % 26)}{n}" for n in range(999)))
        for each in (subject, loud):
            features = kind.features(each)
            assert len(features.rows) <= ROWS_MAX
            assert list(features.rows) == sorted(set(features.rows))
            assert len(features.tokens) == len(features.rows)
            assert all(-1.0 <= figure <= 1.0 for figure in features.dense)


def check_features_may_appear_and_vanish(kind: ModelKind[Subject]) -> None:
    model = taught(kind)
    for rows in ((), (1,), tuple(range(ROWS_MAX)), (), (65_535,)):
        model.learn(Features(rows), {"team": "web"})
        assert {each.head for each in model.score(Features(rows))} >= {"team"}


def check_score_changes_nothing(kind: ModelKind[Subject]) -> None:
    model = taught(kind)
    before = digest(model)
    for subject, _ in subjects(50, seed=9):
        features = kind.features(subject)
        first = model.score(features, is_explained=True)
        assert model.score(features, is_explained=True) == first
    assert digest(model) == before


def check_same_outcomes_make_the_same_bytes(kind: ModelKind[Subject]) -> None:
    assert digest(taught(kind)) == digest(taught(kind))
    assert digest(taught(kind)) != digest(taught(kind, seed=8))


def check_restored_is_the_original(kind: ModelKind[Subject]) -> None:
    model = taught(kind, 2_300)
    restored = kind.restore(*model.snapshot("battery", 5))
    assert digest(restored) == digest(model)
    assert restored.version == model.snapshot("battery", 5)[0].version
    for subject, labels in subjects(200, seed=9):
        features = kind.features(subject)
        assert restored.score(features, is_explained=True) == model.score(
            features, is_explained=True
        )
        restored.learn(features, labels)
        model.learn(features, labels)
    assert digest(restored) == digest(model)


def check_broken_snapshot_is_refused(kind: ModelKind[Subject]) -> None:
    head, chunks = taught(kind).snapshot("battery", 5)
    spoilt = bytes([chunks[0][0] ^ 1]) + chunks[0][1:]
    for reason, bad_head, bad_chunks in (
        ("checksum", head, (spoilt, *chunks[1:])),
        ("incomplete", head, chunks[1:]),
        ("incomplete", head, (*chunks, b"more")),
        ("kind", replace(head, kind="other.1"), chunks),
        ("features", replace(head, features_version=99), chunks),
    ):
        with pytest.raises(SnapshotError, match=head.version) as caught:
            kind.restore(bad_head, bad_chunks)
        assert caught.value.reason == reason


def check_no_number_breaks_it(kind: ModelKind[Subject]) -> None:
    model = taught(kind)
    for wrong in (math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0):
        subject = Subject(name="x", value=wrong, threshold=wrong)
        model.learn(kind.features(subject), {"team": "web"})
        model.learn(Features((3, 5), (wrong,) * 16), {"team": "web"})
        for features in (kind.features(subject), Features((3, 5), (wrong,) * 16)):
            assert all(math.isfinite(each.confidence) for each in model.score(features))
    odd = Subject(
        name="\ud800 \0 \U0001f514", description="é" * 9_999, tier=-1, dependents_count=-5,
        age_ms=-(2**62), change_age_ms=2**62, at_ms=-(2**62), alerts_count=2**62,
        labels={f"l{n}": "v" * 999 for n in range(500)}, tags=("t" * 999,) * 500,
        texts=("asap " * 999,) * 99,
    )  # fmt: skip
    features = kind.features(odd)
    assert len(features.rows) <= ROWS_MAX
    assert all(-1.0 <= each <= 1.0 for each in features.dense)
    assert model.score(features)


def check_foreign_rows_are_passed_over(kind: ModelKind[Subject]) -> None:
    model = taught(kind)
    model.learn(Features((-1, 3, 2**40)), {"team": "web"})
    assert model.score(Features((-1, 3, 2**40))) == model.score(Features((3,)))


def check_a_flood_of_tokens_is_bounded(kind: ModelKind[Subject]) -> None:
    """As of 10^9 distinct tokens: the size follows the table, not the tokens."""
    model = kind.fresh()
    for number in range(800):
        words = " ".join(_word(number * 40 + n) for n in range(40))
        model.learn(kind.features(Subject(name=_word(number), description=words)), {"team": "web"})
        model.learn(kind.features(Subject(name=_word(-number), description=words)), {"team": "net"})
    head, _ = model.snapshot("battery", 0)
    assert head.size_bytes < 40 * 2**20


def _word(number: int) -> str:
    return "".join(chr(97 + (number * 2_654_435_761 >> 5 * n) % 26) for n in range(6))


def check_labels_never_seen_and_senseless(kind: ModelKind[Subject]) -> None:
    model = taught(kind)
    before = digest(model)
    features = kind.features(Subject(name="x"))
    model.learn(features, {})
    model.learn(features, {"team": ""})
    model.learn(features, {"team": "t" * (LABEL_CHARS_MAX + 1)})
    model.learn(features, {"no such head": "web"})
    assert digest(model) == before
    for number in range(500):
        model.learn(features, {"team": f"team-{number}", "noise": f"maybe-{number}"})
    known = {label for each in model.score(features) for label in each.candidates}
    assert len(known) <= 100
    assert model.snapshot("battery", 0)[0].size_bytes < 2**20


def check_contradicting_labels_make_it_unsure(kind: ModelKind[Subject]) -> None:
    model = kind.fresh()
    features = kind.features(Subject(name="x", service="web"))
    rng, found = random.Random(3), list[Belief]()
    for _ in range(600):
        model.learn(features, {"team": LABELS_CONTRADICTING[rng.random() < 0.5]})
        found += model.score(features)
    last = found[-200:]
    assert 0.3 < fmean(each.confidence for each in last) < 0.7
    assert sum(each.is_sure for each in last) < 60
    assert {label for each in last for label in each.candidates} == set(LABELS_CONTRADICTING)


def check_evidence_names_what_spoke_for_the_label(kind: ModelKind[Subject]) -> None:
    model = taught(kind, 600)
    subject = subjects(1)[0][0]
    features = kind.features(subject)
    for belief in model.score(features, is_explained=True):
        weights = [weight for _, weight in belief.evidence]
        assert weights == sorted(weights, reverse=True)
        assert all(weight > 0 for weight in weights)
        assert {token for token, _ in belief.evidence} <= set(features.tokens)
    assert all(each.evidence == () for each in model.score(features))


CHECKS: Final[tuple[Callable[[ModelKind[Subject]], None], ...]] = tuple(
    check for name, check in sorted(globals().items()) if name.startswith("check_")
)
