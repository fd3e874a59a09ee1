"""Outcomes become snapshots; a model after a crash is the one that was never interrupted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from pipeline.domain.model import Snapshot, SnapshotError
from pipeline.domain.outcome import HEAD, ModelRecord, Outcome
from pipeline.stages.fit.stage import EVERY_MS, NAMES_MAX, FitStage
from pipeline.stages.fit.tables import CHUNKS, LEARNED, MODELS
from tests.chain import Chain
from tests.stages.learning import VERSION, Counted, CountingKind

MODEL = "incidents@default"


def outcome(number: int, **given: Any) -> Outcome:
    fields: dict[str, Any] = {
        "model": MODEL,
        "incident_id": f"s.{number}",
        "tenant": "default",
        "version": "rules",
        "features_version": VERSION,
        "rows": (number % 7, 100 + number % 3),
        "dense": (float(number),),
        "labels": {"noise": "yes" if number % 4 else "no"},
    }
    return Outcome(**{**fields, **given})


def chain(first: int = 10, every: int = 25, learning: Counted | None = None) -> Chain:
    return Chain([FitStage(learning or Counted(), first=first, every_count=every)])


def feed(at: Chain, numbers: Sequence[int], **given: Any) -> None:
    at.run([at.record("outcomes", MODEL, outcome(number, **given)) for number in numbers])


def published(at: Chain) -> list[Snapshot]:
    records: list[ModelRecord] = at.outputs("models")
    return [record.heads[0] for record in records if record.index == HEAD]


def test_the_first_snapshot_comes_with_the_first_so_many_outcomes_and_then_by_count() -> None:
    at = chain()
    feed(at, range(9))
    assert published(at) == []
    feed(at, [9])
    assert [(each.learned_count, each.offset) for each in published(at)] == [(10, 10)]
    feed(at, range(10, 61))
    assert [each.learned_count for each in published(at)] == [35, 60]
    assert at.table(MODELS)[MODEL].count == 61


def test_a_snapshot_is_due_six_hours_after_the_last_where_there_is_more() -> None:
    at = chain()
    feed(at, range(10))
    at.advance("7h")
    assert len(published(at)) == 1, "nothing came since"
    feed(at, [10, 11])
    at.advance(EVERY_MS)
    assert [each.learned_count for each in published(at)] == [12]
    at.advance("2d")
    assert published(at) == []


def test_slots_alternate_and_the_head_comes_last_and_names_the_one_before() -> None:
    at = chain()
    feed(at, range(60))
    records: list[ModelRecord] = at.outputs("models")
    heads = [record for record in records if record.index == HEAD]
    assert [head.slot for head in heads] == [0, 1, 0]
    assert [len(head.heads) for head in heads] == [1, 2, 2]
    assert heads[2].heads[1] == heads[1].heads[0]
    assert records[-1] is heads[2]
    bodies = [r.body for r in records if r.index != HEAD and r.slot == 1]
    assert len(bodies) == heads[1].heads[0].chunks_count


def test_the_tables_alone_restore_the_model() -> None:
    whole, cut = chain(), chain()
    feed(whole, range(80))
    for number in range(80):
        feed(cut, [number])
        cut.restart(FitStage(Counted(), first=10, every_count=25))
    assert published(cut) == published(whole)
    for spec in (MODELS, LEARNED, CHUNKS):
        assert cut.table(spec) == whole.table(spec)


def test_crashes_before_and_after_the_commit_leave_what_an_uninterrupted_run_leaves() -> None:
    dice = random.Random(5)
    whole, cut = chain(), chain()
    feed(whole, range(200))
    done = 0
    while done < 200:
        numbers = range(done, min(200, done + dice.randint(1, 30)))
        if dice.random() < 0.5:  # killed before the commit: the batch comes again
            cut.task.run([cut.record("outcomes", MODEL, outcome(n)) for n in numbers], cut.now_ms)
            how = dice.random()
            if how < 0.5:
                cut.restart(FitStage(Counted(), first=10, every_count=25))
            else:
                cut.task.rollback()
            continue
        feed(cut, numbers)
        done = numbers[-1] + 1
    assert published(cut) == published(whole)
    assert cut.table(MODELS) == whole.table(MODELS)
    assert cut.table(CHUNKS) == whole.table(CHUNKS)


def test_a_model_in_memory_that_learned_what_was_taken_back_is_made_anew() -> None:
    at, pure = chain(), chain()
    for each in (at, pure):
        feed(each, range(10))
    at.task.run([at.record("outcomes", MODEL, outcome(n)) for n in range(500, 574)], at.now_ms)
    at.task.rollback()  # and other events come in their place
    for each in (at, pure):
        feed(each, range(10, 35))
    assert published(at) == published(pure)


def test_until_river_is_there_outcomes_gather_and_the_snapshot_is_the_same() -> None:
    eager, late = chain(), chain(learning=Counted(is_loaded=False))
    for each in (eager, late):
        feed(each, range(60))
    assert published(late) == published(eager)


def test_what_cannot_be_learned_is_counted_and_leaves_nothing() -> None:
    at = chain()
    feed(at, [1], labels={})
    feed(at, [1], labels={"unheard-of": "yes", "noise": ""})
    feed(at, [1], rows=())
    feed(at, [1], features_version=VERSION + 1)
    assert at.reasons == {"fit.empty": 3, "fit.other_features": 1}
    assert at.table(MODELS) == {}


def test_what_no_stage_of_ours_makes_is_passed_over() -> None:
    at = chain()
    for given in (
        {"rows": (-1, 2)},
        {"rows": (1, 2**32)},
        {"rows": tuple(range(129))},
        {"dense": (0.0,) * 65},
        {"model": "a/b"},
        {"model": ""},
        {"model": "m" * 201},
    ):
        at.send("outcomes", "k", outcome(1, **given))
    at.send("outcomes", MODEL, outcome(1, labels={"team": "x" * 201}))
    at.send("outcomes", MODEL, outcome(1, dense=(float("nan"), float("inf"))))
    assert at.reasons == {"fit.malformed": 7, "fit.empty": 1, "fit.taken_in": 1}


def test_without_learning_every_outcome_is_passed_over() -> None:
    at = Chain([FitStage(None)])
    feed(at, range(3))
    assert at.reasons == {"fit.other_kind": 3}


def test_an_outcome_of_a_kind_that_is_not_learned_here_is_passed_over() -> None:
    at = chain()
    for name in ("links@default", "incident@default", "default"):
        feed(at, [1], model=name)
    feed(at, [1], model="incidents+pool")
    assert at.reasons == {"fit.other_kind": 3, "fit.taken_in": 1}


def test_there_is_a_limit_to_models() -> None:
    at = chain()
    for number in range(NAMES_MAX + 2):
        at.send("outcomes", f"m{number}", outcome(1, model=f"incidents@m{number}"))
    assert len(at.table(MODELS)) == NAMES_MAX
    assert at.reasons["fit.too_many"] == 2


def test_models_beyond_those_in_memory_are_made_anew_and_are_right() -> None:
    kind = CountingKind()
    at = Chain([FitStage(Counted(kind), first=1, every_count=2)])
    names = [f"incidents@m{number}" for number in range(12)]
    for number in range(6):
        at.run([at.record("outcomes", n, outcome(number, model=n)) for n in names])
    assert kind.made > 0
    heads = {each.model: each for each in published(at)}
    assert {each.learned_count for each in heads.values()} == {5}
    assert len({each.checksum for each in heads.values()}) == 1


def test_a_snapshot_of_other_features_begins_a_new_model() -> None:
    at = chain()
    feed(at, range(12))
    newer = CountingKind()
    newer.features_version = VERSION + 1

    def refuse(head: Snapshot, chunks: Sequence[bytes]) -> Any:
        return CountingKind.restore(newer, replace(head, features_version=99), chunks)

    newer.restore = refuse  # type: ignore[method-assign]
    at.restart(FitStage(Counted(newer), first=10, every_count=25))
    feed(at, range(12, 40), features_version=VERSION + 1)
    assert at.reasons["fit.begun_anew"] == 1
    assert published(at)[-1].learned_count == 23, "those of the former features do not count"


def test_a_snapshot_of_another_algorithm_begins_a_model_of_what_is_retained() -> None:
    at = chain()
    feed(at, range(12))
    newer = CountingKind()

    def refuse(head: Snapshot, chunks: Sequence[bytes]) -> Any:
        if head.learned_count == 10:
            raise SnapshotError("kind", "it was made by another algorithm")
        return CountingKind.restore(newer, head, chunks)

    newer.restore = refuse  # type: ignore[method-assign]
    at.restart(FitStage(Counted(newer), first=10, every_count=25))
    feed(at, range(12, 40))
    assert at.reasons["fit.begun_anew"] == 1
    assert published(at)[-1].learned_count == 35


def test_a_snapshot_says_what_chances_the_real_ones_had() -> None:
    at = chain(first=10)
    feed(at, range(4), verdict="real", quiet_chance=0.2)
    feed(at, range(4, 7), verdict="quiet", quiet_chance=0.999)
    feed(at, range(7, 8), verdict="real", quiet_chance=-1.0)
    feed(at, range(8, 9), verdict="loud", quiet_chance=0.5)
    feed(at, range(9, 10), quiet_chance=0.5)
    stakes = published(at)[0].stakes
    assert stakes.real_count == stakes.real[0] == 4
    assert sum(stakes.quiet) == 3
