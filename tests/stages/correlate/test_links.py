"""Links: kept until a person says what was right; the model decides once it believes something."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.link import HEAD, Pair
from pipeline.domain.model import NO, YES, Model
from pipeline.domain.outcome import ModelRecord, Outcome, chunk_key
from pipeline.models.link.kind import KIND
from pipeline.stages.correlate.links import PAIRS_MAX
from pipeline.stages.correlate.tables import LINKED
from tests.chain import START_MS
from tests.stages.correlate.alerts import SCOPE, Bench, LearningLinks, firing, resolved

GRAPH = {"web": ["api"], "api": ["core"], "core": ["disk"], "disk": []}
RULES = [{"name": "by-service", "when": 'alert.service != ""', "group_by": ["service"]}]
WEB, API, CORE = (firing("Slow", service=each) for each in ("web", "api", "core"))
MODEL = "links@default"


def bench(**section: Any) -> Bench:
    given: dict[str, Any] = {"rules": RULES, "dependency": {"hops": 1, "same": ["region"]}}
    return Bench(GRAPH, learning=LearningLinks(), **{**given, **section})


def outcomes(at: Bench) -> list[tuple[str, str]]:
    """(label, because) of what was told since the last call."""
    found: list[Outcome] = at.chain.outputs("outcomes")
    for each in found:
        assert each.model == MODEL
        assert each.features_version == KIND.features_version
        assert 0 in each.rows
    return [(each.labels[HEAD], each.because.partition(".")[2]) for each in found]


def taught(label: str, count: int = 600) -> Model:
    """A model that knows one answer."""
    model = KIND.fresh()
    for number in range(count):
        pair = Pair(
            hops=number % 4, apart_ms=number * 400, silent_ms=number * 400, size=1 + number % 9
        )
        model.learn(KIND.features(pair), {HEAD: label})
    return model


def publish(at: Bench, model: Model) -> None:
    head, chunks = model.snapshot(MODEL, 1)
    for index, body in enumerate(chunks):
        record = ModelRecord(model=MODEL, index=index, body=body)
        at.chain.set_global("models", chunk_key(MODEL, 0, index), record)
    at.chain.set_global("models", MODEL, ModelRecord(model=MODEL, heads=(head,)))


def test_a_merge_by_a_person_confirms_and_one_by_an_alert_says_nothing() -> None:
    at = bench()
    at.send(WEB, CORE)  # two hops apart: the rule does not reach so far, and the pair is kept
    assert len(at.open()) == 2
    at.command("merge", 2, into=f"{SCOPE}.1")
    assert outcomes(at) == [(YES, "merged_by_hand")]
    by_alert = bench()
    by_alert.send(WEB, CORE, API)
    assert len(by_alert.open()) == 1
    assert outcomes(by_alert) == []


def test_a_split_denies_what_was_joined_either_way_round() -> None:
    for part in ("web", "api"):
        at = bench()
        at.send(WEB, API)
        at.command("split", part=part)
        assert outcomes(at) == [(NO, "split_by_hand")]
        assert at.chain.table(LINKED) == {}


def test_pairs_that_go_together_are_confirmed_where_they_went() -> None:
    at = bench()
    disk = firing("Full", service="disk")
    at.send(CORE, disk, API, WEB)
    at.command("split", part="web")
    assert [label for label, _ in outcomes(at)] == [NO]
    at.command("resolve")
    assert set(outcomes(at)) == {(YES, "left_together")}


@pytest.mark.parametrize(
    ("command", "label"), [("resolve", YES), ("acknowledge", YES), ("note", None), (None, None)]
)
def test_what_a_person_had_in_hand_is_confirmed_at_its_end(
    command: str | None, label: str | None
) -> None:
    at = bench()
    at.send(WEB, API)
    if command:
        at.command(command, text="so it is")
    at.send(resolved(WEB, START_MS), resolved(API, START_MS))
    at.advance("5m")
    assert not at.open()
    assert outcomes(at) == ([(label, "left_together")] if label else [])
    assert at.chain.table(LINKED) == {}


def test_what_was_left_apart_is_denied_once() -> None:
    at = bench()
    at.send(WEB, CORE)
    at.command("resolve", 2)
    at.command("resolve", 1)
    assert outcomes(at) == [(NO, "left_apart")]


def test_duplicates_and_tests_of_the_way_leave_nothing() -> None:
    at = bench()
    at.send(WEB, API)
    before = at.chain.table(LINKED)
    at.send(API, API, WEB)
    assert at.chain.table(LINKED) == before
    tried = bench()
    tried.send(*(replace(each, is_test=True) for each in (WEB, API)))
    assert tried.chain.table(LINKED) == {}


def test_what_is_kept_of_an_incident_is_bounded() -> None:
    at = bench(rules=[])
    for number in range(PAIRS_MAX + 9):
        at.send(firing(f"A{number}", service="web"))
    (row,) = at.chain.table(LINKED).values()
    assert len(row.pairs) == PAIRS_MAX


def test_a_learned_yes_joins_beyond_the_rule_and_says_by_which_chance() -> None:
    at = bench()
    publish(at, taught(YES))
    at.send(WEB, CORE)
    (incident,) = at.open()
    assert at.reasons_of()[-1] == "joined_link"
    assert "one with it by 8" in incident.reasons[-1].text
    assert "as learned (600-" in incident.reasons[-1].text
    assert "2 hops from web" in incident.reasons[-1].text
    at.command("resolve")
    (told,) = at.chain.outputs("outcomes")
    assert told.version.startswith("600-")
    assert told.decided == {HEAD: YES}


def test_a_learned_no_keeps_apart_what_the_rule_would_join_and_says_so() -> None:
    at = bench()
    publish(at, taught(NO))
    at.send(WEB, API)
    assert len(at.open()) == 2
    assert at.reasons_of(2)[-2:] == ["kept_apart", "opened"]
    text = at.incident(2).reasons[-2].text
    assert f"one with {SCOPE}.1 by " in text
    assert "1 hops from web" in text


def test_what_a_model_says_is_one_merges_two_incidents_with_its_chances() -> None:
    at = bench(dependency={"hops": 0, "same": ["region"]})
    at.send(WEB, CORE)
    publish(at, taught(YES))
    at.send(API)
    assert len(at.open()) == 1
    assert "one with it, as learned" in at.incident(2).reasons[-1].text


def test_what_a_person_split_no_model_brings_together() -> None:
    at = bench()
    at.send(WEB, API)
    at.command("split", part="api")
    publish(at, taught(YES))
    at.send(firing("More", service="api"), firing("More", service="web"))
    assert len(at.open()) == 2


def test_a_model_that_learned_too_little_and_one_that_is_broken_leave_it_to_the_rule() -> None:
    for model, is_broken in ((taught(YES, 499), False), (taught(YES), True)):
        at = bench()
        publish(at, model)
        if is_broken:
            spoilt = ModelRecord(model=MODEL, index=0, body=b"spoilt")
            at.chain.set_global("models", chunk_key(MODEL, 0, 0), spoilt)
        at.send(WEB, CORE)
        assert len(at.open()) == 2
        at.send(API)
        assert len(at.open()) == 1


def test_pairs_of_other_features_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    at = bench()
    at.send(WEB, API)
    monkeypatch.setattr(KIND, "features_version", KIND.features_version + 1)
    at.command("resolve")
    assert at.chain.outputs("outcomes") == []


@pytest.mark.parametrize("section", [{"links": {"learn": False}}, {"dependency": None}])
def test_switched_off_nothing_is_kept(section: dict[str, Any]) -> None:
    at = bench(**section)
    publish(at, taught(YES))
    at.send(WEB, API)
    at.command("resolve")
    assert at.chain.outputs("outcomes") == []
    assert at.chain.table(LINKED) == {}
