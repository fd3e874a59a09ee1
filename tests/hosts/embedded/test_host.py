"""The embedded host: one transaction per step; a failure leaves nothing half done."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.codec import decode, encode
from pipeline.domain.alert import Alert
from pipeline.domain.call import CallResult
from pipeline.domain.errors import Busy
from pipeline.domain.journal import JournalRecord
from pipeline.domain.sink import Delivered
from pipeline.domain.stage import Context
from pipeline.domain.store import Output
from pipeline.engine import Agent
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.host import HALT_MS, EmbeddedHost
from tests.engine.toys import COUNTS, Count, Counter, alert

TOPICS = ("first", "alerts", "incidents", "audit", "dead-letters", "receipts")


class Second(Counter):
    """Reads what the first agent wrote, and results."""

    name = "second"
    accepts = (Alert, CallResult)  # type: ignore[assignment]

    def process(self, event: Any, ctx: Context) -> None:
        """Count by kind."""
        name = type(event).__name__
        before = ctx.table(COUNTS).get(name)
        ctx.table(COUNTS).put(name, Count(1 if before is None else before.n + 1))


class World:
    """A host with two agents over one database and a clock moved by hand."""

    def __init__(self, path: str = ":memory:") -> None:
        self.now_ms = 1_000
        self.connection = connect(path)
        self.first = Counter()
        agents = [
            Agent(
                name="one",
                stages=(self.first,),
                reads={"first": Alert},
                writes=("alerts", "incidents", "audit"),
            ),
            Agent(name="two", stages=(Second(),), reads={"alerts": Alert}, writes=("receipts",)),
        ]
        self.host = EmbeddedHost(
            self.connection, agents, topics=TOPICS, globals_={}, now_ms=lambda: self.now_ms
        )

    def counts(self, task: int) -> dict[str, int]:
        rows: dict[str, Count] = self.host.tasks()[task].rows(COUNTS.name)
        return {key: row.n for key, row in rows.items()}


def outputs(*names: str) -> list[Output]:
    return [Output(topic="first", key=n, value=encode(alert(n))) for n in names]


def test_one_step_carries_an_event_through_every_agent() -> None:
    world = World()
    positions, is_more = world.host.step(outputs("a", "b"))
    assert positions == [("first", 0, 0), ("first", 0, 1)]
    assert not is_more
    assert world.counts(0) == {"a": 1, "b": 1}
    assert world.counts(1) == {"Alert": 2}


def test_each_epoch_leaves_a_journal_record() -> None:
    world = World()
    world.host.step(outputs("a"))
    records = [
        decode(JournalRecord, r.value or b"") for r in world.host.log.read("journal", 0, 0, 9)
    ]
    assert [(r.task, r.epoch, r.now_ms) for r in records] == [
        ("one-0", 1, 1_000),
        ("two-0", 1, 1_000),
    ]
    assert [(s.topic, s.start, s.end) for s in records[0].segments] == [("first", 0, 1)]
    assert all(len(r.digest) == 32 for r in records)


class Failing(sqlite3.Connection):
    """A connection whose commits fail while `is_full`."""

    is_full = False

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and Failing.is_full:
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *args)


def test_a_commit_that_fails_changes_nothing_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, factory=Failing, **k))
    world = World(str(tmp_path / "db"))
    world.host.step(outputs("a"))
    Failing.is_full = True
    with pytest.raises(Busy, match="disk is full"):
        world.host.step(outputs("a", "b"))
    assert world.counts(0) == {"a": 1}
    Failing.is_full = False
    positions, _ = world.host.step(outputs("a"))
    assert positions == [("first", 0, 1)]
    assert world.counts(0) == {"a": 2}
    assert world.counts(1) == {"Alert": 2}


def test_a_restart_goes_on_from_the_last_commit(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    World(path).host.step(outputs("a"))
    again = World(path)
    again.host.step(outputs("a"))
    assert again.counts(0) == {"a": 2}
    assert again.counts(1) == {"Alert": 2}


def test_a_broken_agent_halts_alone_and_its_input_waits() -> None:
    world = World()
    world.host.step(outputs(*["boom"] * 21))
    assert "this event is poison" in world.host.halted()["one-0"]
    assert world.host.lag()["one-0"] == 21
    world.host.step(outputs("a"))
    assert world.counts(0) == {}
    world.first.boom = "mended"
    world.now_ms += HALT_MS
    _, is_more = world.host.step()
    assert not is_more
    assert world.host.halted() == {}
    assert world.counts(0) == {"boom": 21, "a": 1}


def test_a_result_stays_queued_until_it_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, factory=Failing, **k))
    world = World(str(tmp_path / "db"))
    world.host.inject("two-0", CallResult(key="k", attempt=1, delivered=Delivered(ref="r")))
    Failing.is_full = True
    with pytest.raises(Busy):
        world.host.step()
    Failing.is_full = False
    world.host.step()
    world.host.step()
    assert world.counts(1) == {"CallResult": 1}


def test_a_watcher_sees_committed_rows_and_the_rows_of_the_start() -> None:
    world = World()
    world.host.step(outputs("a"))
    seen: list[tuple[str, dict[str, Any]]] = []
    world.host.watch("counts", lambda task, rows: seen.append((task, dict(rows))))
    assert ("one-0", {"a": Count(1)}) in seen
    seen.clear()
    world.host.step(outputs("a"))
    assert ("one-0", {"a": Count(2)}) in seen


def test_a_backlog_is_worked_off_in_bounded_epochs() -> None:
    world = World()
    world.host.step(outputs(*["a"] * 5_000))
    steps = 1
    while world.host.step()[1]:
        steps += 1
    assert world.counts(1) == {"Alert": 5_000}
    assert steps > 1


def test_listeners_hear_of_each_commit_and_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, factory=Failing, **k))
    world = World(str(tmp_path / "db"))
    heard: list[list[tuple[str, int]]] = []
    world.host.listeners.append(
        lambda epochs, took_s: heard.append([(e.task, e.events) for e in epochs if took_s > 0])
    )
    Failing.is_full = True
    with pytest.raises(Busy):
        world.host.step(outputs("a"))
    Failing.is_full = False
    assert heard == []
    world.host.step(outputs("a", "b"))
    assert heard == [[("one-0", 2), ("two-0", 2)]]
