"""Measures: what a story's commits leave in the metrics, against what really happened."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.app.upkeep.measures import CLOSED, OPEN, PROBING, Measures, breaker
from pipeline.codec import encode
from pipeline.domain.call import CallResult
from pipeline.domain.sink import Delivered, Refused, Retry
from pipeline.domain.store import Output
from pipeline.models.features.build import VERSION
from pipeline.observe.metrics import Metrics
from pipeline.stages.fit.stage import FIRST, FitStage
from pipeline.stages.fit.tables import MODELS
from pipeline.stages.send.tables import ReceiverState
from tests.app.upkeep.world import World
from tests.chain import Chain
from tests.stages.fit.test_fit import MODEL, outcome
from tests.stages.learning import Counted


def test_a_page_is_counted_on_its_whole_way() -> None:
    world = World()
    world.do_alert({"name": "A"})
    world.do_alert({"name": "A"})
    world.do_alert({"name": "T", "is_test": True})
    value = world.metrics.value
    told = {"receiver": "on-call", "action": "trigger", "result": "delivered"}
    assert value("receipts", told) == 1
    assert value("alert_to_page_seconds") == 1
    assert value("reasons", {"stage": "correlate", "reason": "opened"}) == 2
    assert value("reasons", {"stage": "correlate", "reason": "duplicate"}) == 1
    assert value("reasons", {"stage": "route", "reason": "test"}) == 1
    assert value("outputs", {"topic": "alerts"}) == 3
    assert value("events", {"task": "intake-0"}) == 3
    assert value("epochs", {"task": "intake-0"}) == 3
    assert value("commit_seconds") > 3
    assert value("dead_letters", {"agent": "intake", "reason": "json"}) == 0


def test_what_could_not_be_processed_is_counted_by_its_reason() -> None:
    world = World()
    world.do_post({"format": "native", "body": "{"})
    (reason,) = world.expect_dead_letters([])[1]
    assert world.metrics.value("dead_letters", {"agent": "intake", "reason": reason}) == 1
    assert world.metrics.value("raised", {"task": "intake-0"}) == 0


def test_how_good_a_model_is_shows_when_it_was_published() -> None:
    metrics = Metrics()
    measures = Measures(metrics)
    at = Chain([FitStage(Counted(), first=3)])
    labels = {"model": MODEL, "head": "noise"}
    for number in range(3):
        assert metrics.value("model_outcomes", labels) == 0
        measures.commit([at.send("outcomes", MODEL, outcome(number))], 0.01)
    assert metrics.value("model_outcomes", labels) == 3
    assert metrics.value("model_accuracy", labels) == 0.5
    assert metrics.value("model_pr_auc", labels) == 0.6
    assert metrics.value("undeclared_metrics") == 0


def test_how_good_a_model_is_shows_again_after_a_start() -> None:
    world = World()
    learned = [outcome(number, features_version=VERSION) for number in range(FIRST)]
    world.driver.append(
        [Output(topic="outcomes", key=MODEL, value=encode(one), event=one) for one in learned]
    )
    started = Metrics()
    world.driver.host.watch(MODELS.name, Measures(started).models)
    labels = {"model": MODEL, "head": "noise"}
    assert started.value("model_outcomes", labels) == FIRST


def test_the_outbox_is_followed_by_receiver_and_state() -> None:
    world = World()
    world.do_receiver({"on-call": "down"})
    for name in ("A", "B", "C"):
        world.do_alert({"name": name})
    entries = world.driver.table("outbox")
    for state in ("queued", "calling", "waiting"):
        expected = sum(entry.state == state for entry in entries.values())
        labels = {"receiver": "on-call", "state": state}
        assert world.metrics.value("outbox_entries", labels) == expected
    assert len(entries) == 3
    world.do_wait("2m")
    assert world.metrics.value("breaker_state", {"receiver": "on-call"}) in {OPEN, PROBING}
    world.do_receiver({"on-call": "up"})
    world.do_wait("10m")
    assert world.metrics.value("breaker_state", {"receiver": "on-call"}) == CLOSED
    for state in ("queued", "calling", "waiting"):
        labels = {"receiver": "on-call", "state": state}
        assert world.metrics.value("outbox_entries", labels) == 0


def test_a_new_process_counts_what_it_finds_in_the_outbox() -> None:
    world = World()
    world.do_receiver({"on-call": "down"})
    world.do_alert({"name": "A"})
    metrics = Metrics()
    world.driver.host.watch("outbox", Measures(metrics).outbox)
    (entry,) = world.driver.table("outbox").values()
    assert metrics.value("outbox_entries", {"receiver": "on-call", "state": entry.state}) == 1


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ReceiverState(), CLOSED),
        (ReceiverState(failures=3), CLOSED),
        (ReceiverState(open_until_ms=5), OPEN),
        (ReceiverState(open_until_ms=5, is_probing=True), PROBING),
    ],
)
def test_breaker(state: ReceiverState, expected: int) -> None:
    assert breaker(state) == expected


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ({"delivered": Delivered()}, "delivered"),
        ({"refused": Refused(why="no")}, "refused"),
        ({"retry": Retry(why="later")}, "retry"),
        ({}, "retry"),
    ],
)
def test_a_call_is_counted_by_what_came_of_it(outcome: dict[str, Any], word: str) -> None:
    metrics = Metrics()
    Measures(metrics).call(CallResult(key="a/s.1/00000001", attempt=1, took_ms=250, **outcome))
    assert metrics.value("calls", {"receiver": "a", "outcome": word}) == 1
    assert metrics.value("call_seconds", {"receiver": "a"}) == 1


def test_a_figure_that_fails_does_not_stop_the_stream() -> None:
    measures = Measures(Metrics())
    for _ in range(3):
        measures.commit([None], 0.1)  # type: ignore[list-item]
    assert measures._has_failed
