"""The host when something goes wrong around a commit: nothing lost, nothing twice, no stalemate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.codec import decode, encode
from pipeline.domain.alert import Alert
from pipeline.domain.errors import StoreError
from pipeline.domain.journal import JournalRecord
from pipeline.domain.stage import Context
from pipeline.domain.store import Output
from pipeline.engine import Agent
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.host import EPOCH_BYTES_MAX, HALT_MS, EmbeddedHost
from tests.engine.toys import Counter, alert
from tests.hosts.embedded.test_host import TOPICS, World, outputs


def wish(name: str, at_ms: int) -> Output:
    return Output(topic="first", key=name, value=encode(alert(name, starts_at_ms=at_ms)))


def test_a_watcher_that_fails_undoes_nothing_and_stops_nobody() -> None:
    world = World()
    seen: list[Mapping[str, Any]] = []
    heard: list[int] = []

    def fails(*_args: object) -> None:
        raise StoreError("a watcher's own trouble")

    world.host._watchers["counts"] = [fails, lambda _task, rows: seen.append(dict(rows))]
    world.host.listeners += [fails, lambda epochs, _took_s: heard.append(len(epochs))]
    positions, _ = world.host.step(outputs("a"))
    assert positions == [("first", 0, 0)]
    assert len(seen) == 2
    assert heard == [2]
    world.host.step(outputs("a"))
    assert world.counts(0) == {"a": 2}
    assert world.counts(1) == {"Alert": 2}


def test_a_halted_task_is_not_due_before_it_is_tried_again() -> None:
    world = World()
    world.host.step([wish("wake-a", world.now_ms + 10)])
    world.host.step(outputs(*["boom"] * 21))
    world.now_ms += 10
    world.host.step()
    assert world.host.halted()
    assert world.host.next_due_ms() > world.now_ms
    world.first.boom = "mended"
    world.now_ms = world.host.next_due_ms()
    world.host.step()
    assert world.first.woken == [("wake-a", world.now_ms)]


def test_a_halt_is_over_when_the_clock_says_so_and_no_later() -> None:
    world = World()
    world.host.step(outputs(*["boom"] * 21))
    assert world.host.next_due_ms() == world.now_ms + HALT_MS


def test_a_rollback_that_fails_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory is then not what is on the disk: nothing may go on from it."""
    world = World()

    def fails(*_args: object) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(world.host.log, "append", fails)
    monkeypatch.setattr(world.host.log, "refresh", fails)
    with pytest.raises(RuntimeError, match="could not be rolled back"):
        world.host.step(outputs("a"))


def test_time_goes_on_from_the_last_epoch_where_the_clock_went_back(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    first = World(path)
    first.now_ms = 5_000_000
    first.host.step([wish("wake-a", first.now_ms + 1), *outputs("a")])
    first.now_ms += 1
    first.host.step(outputs("b"))
    first.host.step([wish("wake-b", first.now_ms)])
    again = World(path)
    again.now_ms = 1_000
    again.host.step()
    assert again.first.woken == [("wake-b", first.now_ms)]
    again.host.step(outputs("c"))
    (record,) = again.host.log.read("first", 0, 4, 9)
    assert record.timestamp_ms == first.now_ms
    journal = [decode(JournalRecord, r.value or b"") for r in again.host.log.scan("journal", 0)]
    assert [j.now_ms for j in journal] == sorted(j.now_ms for j in journal)


class Publisher(Counter):
    """Writes what it reads onto a global, as a later `learn` does."""

    def process(self, event: Alert, ctx: Context) -> None:
        """Publish under the alert's name."""
        ctx.emit("known", event.name, event)


def test_a_global_that_an_agent_writes_is_seen_from_the_next_epoch_on() -> None:
    connection = connect(":memory:")
    agent = Agent(
        name="one",
        stages=(Publisher(),),
        reads={"first": Alert},
        writes=("known", "audit"),
        looks_up=("known",),
    )
    host = EmbeddedHost(
        connection,
        [agent],
        topics=(*TOPICS, "known"),
        globals_={"known": Alert},
        now_ms=lambda: 1,
    )
    host.step(outputs("a"))
    assert sorted(host.globals.view("known")) == ["a"]
    host.step(outputs("b"))
    assert host.globals.versions["known"] == 2


def test_an_epoch_reads_no_more_bytes_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    size_bytes = EPOCH_BYTES_MAX // 4
    big = [
        Output(
            topic="first",
            key="a",
            value=encode(alert("a", description="x" * size_bytes)),
        )
        for _ in range(12)
    ]
    world.host.log.append(big, 1)
    world.host.log.refresh()  # the tail is gone, as after a restart: they come from the disk
    read: list[int] = []
    scan = world.host.log.scan

    def counting(*args: Any) -> Any:
        for record in scan(*args):
            read.append(record.offset)
            yield record

    monkeypatch.setattr(world.host.log, "scan", counting)
    world.host.step()
    assert len(read) <= 5
