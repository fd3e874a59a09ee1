"""Rivals: a model that drifted gets a fresh one beside it, which takes its place where it wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from pipeline.domain.model import Features, Model, Quality, Snapshot
from pipeline.domain.outcome import shadow_of
from pipeline.stages.fit import shadow
from pipeline.stages.fit.stage import FitStage
from pipeline.stages.fit.tables import CHUNKS, LEARNED, MODELS
from tests.chain import Chain
from tests.stages.fit.test_fit import MODEL, feed
from tests.stages.fit.test_orders import order
from tests.stages.learning import Counted, Counting, CountingKind

SHADOW = shadow_of(MODEL)
MOVED_AT = 20


class Drifting(Counting):
    """Counts; what has learned of the time before MOVED_AT drifts then, and is worse from then."""

    def learn(self, features: Features, labels: Mapping[str, str]) -> None:
        super().learn(features, labels)
        self.counts["first"] = self.counts["first"] or int(labels["team"]) + 1

    def qualities(self) -> tuple[Quality, ...]:
        (noise,) = super().qualities()
        is_old = 0 < self.counts["first"] <= MOVED_AT
        has_drifted = is_old and self.learned_count > MOVED_AT
        return (
            Quality(
                head=noise.head,
                outcomes_count=self.learned_count,
                accuracy=0.5,
                log_loss=0.9 if has_drifted else 0.7,
                calibration_error=0.1,
                pr_auc=0.6,
                drifted_at=MOVED_AT + 1 if has_drifted else -1,
            ),
        )


class DriftingKind(CountingKind):
    """Drifting models, restored as Counting ones are."""

    def fresh(self) -> Model:
        return Drifting()

    def restore(self, head: Snapshot, chunks: Sequence[bytes]) -> Model:
        made = super().restore(head, chunks)
        assert isinstance(made, Counting)
        return Drifting(made.counts, made.learned_count)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "WINS_FROM", 15)
    monkeypatch.setattr(shadow, "ENDS_AT", 60)


def chain(*, has_rivals: bool = True) -> Chain:
    return Chain(
        [FitStage(Counted(DriftingKind()), first=10, every_count=10, has_rivals=has_rivals)]
    )


def run(at: Chain, numbers: range) -> None:
    for number in numbers:
        feed(at, [number], labels={"team": str(number)})


def test_a_model_that_drifted_gets_a_rival_with_its_next_snapshot() -> None:
    at = chain()
    run(at, range(20))
    assert SHADOW not in at.table(MODELS)
    run(at, range(20, 30))
    assert at.reasons["fit.rival"] == 1
    assert at.table(MODELS)[SHADOW].is_rival


def test_a_rival_that_is_better_takes_the_place_and_nothing_of_it_is_left() -> None:
    at = chain()
    run(at, range(30))
    number = 30
    while "fit.replaced" not in at.reasons:
        run(at, range(number, number + 1))
        number += 1
        assert number < 100
    heads = at.table(MODELS)[MODEL].heads
    assert heads[0].learned_count < heads[1].learned_count, "the former one is a rollback away"
    assert heads[0].qualities[0].log_loss < heads[1].qualities[0].log_loss
    for table in (MODELS, CHUNKS, LEARNED):
        assert not [key for key in at.table(table) if key.startswith(SHADOW)]
    run(at, range(number, number + 40))
    assert at.reasons["fit.replaced"] == at.reasons["fit.rival"] == 1, "no news of the new model"


def test_a_rival_that_does_not_win_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "_wins", lambda *_: False)
    at = chain()
    run(at, range(100))
    assert at.reasons["fit.beaten"] == 1
    assert SHADOW not in at.table(MODELS)


def test_without_the_policy_nothing_learns_beside() -> None:
    at = chain(has_rivals=False)
    run(at, range(60))
    assert "fit.rival" not in at.reasons
    assert at.table(MODELS)[MODEL].heads[0].qualities[0].drifted_at == MOVED_AT + 1


def test_a_shadow_that_a_person_ordered_waits_for_that_person() -> None:
    at = chain()
    run(at, range(20))
    row = at.table(MODELS)[MODEL]
    at.send("outcomes", MODEL, order("shadow"))
    run(at, range(20, 60))
    assert not at.table(MODELS)[SHADOW].is_rival
    assert "fit.replaced" not in at.reasons
    assert at.table(MODELS)[MODEL].count == row.count + 40


def test_what_becomes_of_a_rival_does_not_depend_on_restarts() -> None:
    cut = chain()
    for number in range(90):
        run(cut, range(number, number + 1))
        if number % 7 == 3:
            cut.restart(
                FitStage(Counted(DriftingKind()), first=10, every_count=10, has_rivals=True)
            )
    whole = chain()
    run(whole, range(90))
    assert cut.table(MODELS) == whole.table(MODELS)
    assert cut.table(CHUNKS) == whole.table(CHUNKS)
