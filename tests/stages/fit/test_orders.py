"""Orders: back to the snapshot before, a shadow beside, promoted; the same after any crash."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pipeline.domain.audit import AuditRecord
from pipeline.domain.outcome import HEAD, ORDERS, ModelRecord, Outcome, shadow_of
from pipeline.stages.fit.stage import EVERY_MS, FitStage
from pipeline.stages.fit.tables import CHUNKS, LEARNED, MODELS
from tests.chain import Chain
from tests.stages.fit.test_fit import MODEL, chain, feed, outcome
from tests.stages.learning import Counted, Counting, CountingKind

SHADOW = shadow_of(MODEL)


def order(word: str, model: str = MODEL) -> Outcome:
    return Outcome(
        model=model,
        incident_id="",
        tenant="default",
        version="",
        order=word,
        order_id=f"o-{word}",
        author="ann",
    )


def ordered(at: Chain, word: str, model: str = MODEL) -> AuditRecord:
    at.outputs("audit")
    at.send("outcomes", model, order(word, model))
    answers: list[AuditRecord] = [one for one in at.outputs("audit") if one.command_id]
    (answer,) = answers
    assert answer.command_id == f"o-{word}"
    return answer


def heads(at: Chain) -> list[ModelRecord]:
    return [record for record in at.outputs("models") if record.index == HEAD]


def counts(at: Chain, name: str = MODEL) -> dict[str, int]:
    """What the model of the tables has learned, as its next snapshot says."""
    kind = CountingKind()
    row = at.table(MODELS)[name]
    head = row.heads[0]
    chunks = [
        at.table(CHUNKS)[f"{name}/{row.slot}/{index:04d}"].body
        for index in range(head.chunks_count)
    ]
    model = kind.restore(head, chunks)
    assert isinstance(model, Counting)
    return dict(model.counts)


def test_a_rollback_returns_to_the_snapshot_before_and_learns_on_from_there() -> None:
    at = chain()
    feed(at, range(10))
    first = counts(at)
    feed(at, range(10, 35))
    before, now = heads(at)
    answer = ordered(at, "rollback")
    assert answer.result == "applied"
    assert now.heads[0].version in answer.text
    assert before.heads[0].version in answer.text
    (head,) = heads(at)
    assert (head.slot, head.heads) == (before.slot, before.heads)
    assert counts(at) == first
    feed(at, range(50, 75))
    (after,) = heads(at)
    assert after.heads[1] == before.heads[0]
    expected = chain(first=35)
    feed(expected, [*range(10), *range(50, 75)])
    assert counts(at) == counts(expected), "what was learned between is forgotten"


def test_a_shadow_learns_the_same_and_takes_the_place_when_promoted() -> None:
    at = chain()
    feed(at, range(10))
    assert ordered(at, "shadow").result == "applied"
    feed(at, range(10, 30), verdict="real", quiet_chance=0.9)
    assert at.table(MODELS)[SHADOW].count == 20
    assert at.table(MODELS)[SHADOW].stakes.real_count == 0, "they were not its chances"
    assert {record.model for record in heads(at)} == {MODEL, SHADOW}
    at.outputs("models")
    assert ordered(at, "promote").result == "applied"
    promoted = next(record for record in heads(at) if record.model == MODEL)
    assert [head.learned_count for head in promoted.heads] == [20, 10]
    assert promoted.heads[0].stakes.real_count == 0
    alone = chain(first=20)
    feed(alone, range(10, 30))
    assert counts(at) == counts(alone)
    for table in (MODELS, CHUNKS, LEARNED):
        assert not [key for key in at.table(table) if key.startswith(SHADOW)]
    assert ordered(at, "rollback").result == "applied"
    assert at.table(MODELS)[MODEL].heads[0].learned_count == 10


def test_a_shadow_that_is_ended_is_taken_back() -> None:
    at = chain()
    feed(at, range(10))
    ordered(at, "shadow")
    feed(at, range(10, 25))
    at.outputs("models")
    assert ordered(at, "unshadow").result == "applied"
    (withdrawn,) = heads(at)
    assert (withdrawn.model, withdrawn.heads) == (SHADOW, ())
    feed(at, range(25, 30))
    assert SHADOW not in at.table(MODELS)
    at.advance(2 * EVERY_MS)
    assert SHADOW not in at.table(MODELS), "nothing wakes it"
    ordered(at, "shadow")
    feed(at, range(30, 40))
    assert at.table(MODELS)[SHADOW].heads[0].learned_count == 10, "it begins anew"


@pytest.mark.parametrize(
    ("before", "word", "why"),
    [
        ((), "rollback", "no snapshot before"),
        ((), "promote", "no shadow"),
        ((), "unshadow", "no shadow"),
        (("shadow",), "shadow", "already"),
        (("shadow",), "promote", "10 are needed"),
        ((), "explode", "no order; there are rollback"),
    ],
)
def test_what_cannot_be_done_is_refused(before: tuple[str, ...], word: str, why: str) -> None:
    at = chain()
    feed(at, range(10))
    for each in before:
        ordered(at, each)
    rows = at.table(MODELS)
    answer = ordered(at, word)
    assert answer.result == "refused"
    assert why in answer.text
    assert at.table(MODELS) == rows


def test_a_model_that_nobody_learns_has_no_orders() -> None:
    at = chain()
    for word in ORDERS:
        answer = ordered(at, word, "incidents@nobody")
        assert (answer.result, at.table(MODELS)) == ("refused", {})


def test_an_outcome_for_a_shadow_itself_is_nobodys() -> None:
    at = chain()
    feed(at, range(10), model=SHADOW)
    assert at.table(MODELS) == {}


def test_orders_and_crashes_leave_what_an_uninterrupted_run_leaves() -> None:
    dice = random.Random(3)
    words = {20: "shadow", 45: "rollback", 60: "promote", 61: "shadow", 90: "rollback"}

    def run(*, is_crashing: bool) -> tuple[Any, ...]:
        at = chain()
        for number in range(120):
            if number in words:
                at.send("outcomes", MODEL, order(words[number]))
            at.send("outcomes", MODEL, outcome(number))
            if is_crashing and dice.random() < 0.3:
                at.restart(FitStage(Counted(), first=10, every_count=25))
        tables = tuple(sorted(at.table(table).items()) for table in (MODELS, LEARNED, CHUNKS))
        return tables, at.outputs("models")

    whole = run(is_crashing=False)
    assert {key for key, _ in whole[0][0]} == {MODEL, SHADOW}
    for _ in range(5):
        assert run(is_crashing=True) == whole
