"""The view is a function of the log: in any steps, twice or from scratch, it is the same."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.app import compose
from pipeline.codec import encode
from pipeline.domain.audit import AuditRecord
from pipeline.domain.command import Command
from pipeline.domain.incident import Incident
from pipeline.domain.notification import Receipt
from pipeline.domain.store import Output
from pipeline.edge.view import View, questions
from pipeline.edge.view.cursor import read_cursor, write_cursor
from pipeline.edge.view.database import MEMORY
from pipeline.edge.view.questions import EntryFilter, IncidentFilter
from pipeline.edge.view.rows import FOLLOWED
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.driver import Driver
from pipeline.hosts.embedded.log import SqliteLog
from tests.edge.world import INSTALLATION, topology
from tests.wait import wait_until_async

TABLES = ("incidents", "entries", "counts", "things", "offsets")


def rows_of(view: View) -> dict[str, list[Any]]:
    """All rows of a view, in one order."""
    with view._database.reading() as connection:
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall())
            for table in TABLES
        }


def driver() -> Driver:
    declared = topology()
    types = compose.event_types(declared)
    agents = compose.agents(declared, compose.wiring(declared, INSTALLATION, slot="test"))
    return Driver(agents, types=types, globals_=compose.global_topics(declared))


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("alert"),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(["firing", "resolved"]),
        ),
        st.tuples(st.just("advance"), st.sampled_from(["1s", "10m", "2h"]), st.just("")),
        st.tuples(
            st.just("command"),
            st.sampled_from(["acknowledge", "resolve", "note"]),
            st.sampled_from(["0", "1"]),
        ),
        st.tuples(st.just("bad"), st.just(""), st.just("")),
        st.tuples(st.just("follow"), st.just(""), st.just("")),
    ),
    max_size=12,
)


def play(world: Driver, kind: str, what: str, how: str) -> None:
    if kind == "alert":
        body = f'{{"name":"{what}","status":"{how}","service":"{what}","severity":"critical"}}'
        world.send("raw-alerts", what, body.encode(), {"format": "native"})
    elif kind == "bad":
        world.send("raw-alerts", "", b"{", {"format": "native"})
    elif kind == "advance":
        world.advance(what)
    elif kind == "command":
        incidents = sorted(world.table("incidents"))
        if len(incidents) > int(how):
            incident = world.table("incidents")[incidents[int(how)]]
            order = Command(
                command_id=f"c{world.now_ms}{what}",
                kind=what,
                incident_id=incident.incident_id,
                scope_id=incident.scope_id,
                tenant=incident.tenant,
                author="ada",
                text="seen",
            )
            world.send("commands", order.scope_id, order)


@given(steps=STEPS)
def test_a_log_followed_in_steps_twice_or_from_scratch_gives_the_same_rows(steps: Any) -> None:
    world = driver()
    log = world.host.log
    stepwise = View(log)
    for step in steps:
        play(world, *step)
        if step[0] == "follow":
            stepwise.catch_up()
    stepwise.catch_up()
    once = rows_of(stepwise)
    stepwise.catch_up()
    scratch = View(log)
    scratch.catch_up()
    assert rows_of(stepwise) == once
    assert rows_of(scratch) == once
    shown = {row[0] for row in once["incidents"]}
    assert shown == set(world.table("incidents"))


def test_a_view_survives_its_process_and_its_deletion(tmp_path: Path) -> None:
    world = driver()
    play(world, "alert", "a", "firing")
    path = tmp_path / "view.db"
    first = View(world.host.log, path, identity="x")
    first.catch_up()
    before = rows_of(first)
    asyncio.run(first.stop())
    again = View(world.host.log, path, identity="x")
    assert rows_of(again) == before
    asyncio.run(again.stop())
    path.unlink()
    rebuilt = View(world.host.log, path, identity="x")
    assert rows_of(rebuilt)["incidents"] == []
    rebuilt.catch_up()
    assert rows_of(rebuilt) == before
    asyncio.run(rebuilt.stop())


@pytest.mark.parametrize("damage", ["garbage", "other log", "older tables", "cut"])
def test_a_file_that_is_of_no_use_is_built_anew(tmp_path: Path, damage: str) -> None:
    world = driver()
    play(world, "alert", "a", "firing")
    path = tmp_path / "view.db"
    view = View(world.host.log, path, identity="x")
    view.catch_up()
    expected = rows_of(view)
    asyncio.run(view.stop())
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "older tables":
        connection = sqlite3.connect(path)
        connection.execute("UPDATE facts SET value = 'older x'")
        connection.commit()
        connection.close()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    view = View(world.host.log, path, identity="y" if damage == "other log" else "x")
    view.catch_up()
    assert rows_of(view) == expected
    asyncio.run(view.stop())


def test_a_view_that_is_ahead_of_its_log_is_built_anew(tmp_path: Path) -> None:
    longer, shorter = driver(), driver()
    for name in ("a", "b", "c"):
        play(longer, "alert", name, "firing")
    play(shorter, "alert", "b", "firing")
    path = tmp_path / "view.db"
    view = View(longer.host.log, path, identity="x")
    view.catch_up()
    asyncio.run(view.stop())
    view = View(shorter.host.log, path, identity="x")
    view.catch_up()
    expected = View(shorter.host.log)
    expected.catch_up()
    assert rows_of(view) == rows_of(expected)
    asyncio.run(view.stop())


def log_of(*outputs: Output) -> SqliteLog:
    log = SqliteLog(connect(":memory:"))
    for topic in FOLLOWED:
        log.declare(topic, 1)
    log.append(outputs, 0)
    return log


def incident(number: int, **changes: Any) -> Incident:
    members: dict[str, Any] = {
        "incident_id": f"0.{number}",
        "scope_id": "0",
        "tenant": "default",
        "status": "triggered",
        "title": "t",
        "severity": "error",
        "group_key": "g",
        "rule": "r",
        "opened_at_ms": 1000 + number // 3,
    }
    return Incident(**(members | changes))


def put(value: Any, topic: str, key: str) -> Output:
    return Output(topic=topic, key=key, value=encode(value))


def test_a_tombstone_removes_and_bytes_that_nobody_reads_are_passed_over() -> None:
    log = log_of(
        put(incident(1), "incidents", "0.1"),
        put(incident(2), "incidents", "0.2"),
        Output(topic="incidents", key="0.1", value=None),
        Output(topic="incidents", key="0.3", value=b"\x00"),
        Output(topic="receipts", key="0", value=b"\x00"),
    )
    view = View(log)
    view.catch_up()
    assert [row[0] for row in rows_of(view)["incidents"]] == ["0.2"]
    assert rows_of(view)["entries"] == []


@given(
    count=st.integers(0, 20),
    limit=st.integers(1, 7),
    more=st.integers(0, 5),
)
def test_pages_give_each_once_also_while_new_ones_come(count: int, limit: int, more: int) -> None:
    log = log_of(*(put(incident(n), "incidents", f"0.{n}") for n in range(count)))
    view = View(log)
    view.catch_up()
    seen: list[str] = []
    cursor: str | None = ""
    with view._database.reading() as connection:
        while cursor is not None:
            page = questions.incidents(connection, IncidentFilter(), limit, cursor)
            assert len(page.rows) <= limit
            seen += [one.incident_id for one in page.rows]
            cursor = page.next
            new = [incident(n, opened_at_ms=9000 + n) for n in range(100, 100 + more)]
            log.append([put(one, "incidents", one.incident_id) for one in new], 0)
            view.catch_up()
    assert len(seen) == len(set(seen))
    assert {f"0.{n}" for n in range(count)} <= set(seen)


@given(at_ms=st.integers(0, 2**62), row_id=st.text(max_size=40))
def test_a_cursor_is_read_as_it_was_written(at_ms: int, row_id: str) -> None:
    assert read_cursor(write_cursor((at_ms, row_id))) == (at_ms, row_id)


@given(text=st.text(max_size=30))
def test_a_foreign_cursor_is_a_value_error_or_a_key(text: str) -> None:
    try:
        at_ms, row_id = read_cursor(text)
    except ValueError:
        return
    assert isinstance(at_ms, int)
    assert isinstance(row_id, str)


def receipt(number: int, at_ms: int) -> Receipt:
    return Receipt(
        notification_id=f"n{number}",
        incident_id="0.1",
        scope_id="0",
        tenant="default",
        receiver="r",
        sequence=number,
        action="trigger",
        result="delivered",
        at_ms=at_ms,
    )


def test_entries_older_than_their_topic_keeps_them_go() -> None:
    log = log_of(*(put(receipt(n, 1000 * n), "receipts", "0") for n in range(10)))
    view = View(log, retention_ms={"receipts": 3000})
    view.catch_up()
    view.follower.trim()
    with view._database.reading() as connection:
        page = questions.entries(connection, "receipts", EntryFilter(), 100)
    assert [one.at_ms for one in page.rows] == [9000, 8000, 7000, 6000]


async def test_what_comes_of_a_command_is_told_to_everybody_who_waits() -> None:
    log = log_of()
    view = View(log)
    view.start()
    try:
        waiting = [view.expect("c1") for _ in range(2)]
        other = view.expect("c2")
        told = AuditRecord(
            at_ms=1,
            tenant="default",
            agent="decide",
            stage="correlate",
            reason="correlate.applied",
            text="done",
            command_id="c1",
            result="applied",
        )
        log.append([put(told, "audit", "default")], 0)
        view.nudge()
        for future in waiting:
            assert future is not None
            assert (await asyncio.wait_for(future, 20)).text == "done"
            view.forget("c1", future)
        assert other is not None
        assert not other.done()
        view.forget("c2", other)
        assert view._waiters == {}
    finally:
        await view.stop()


@pytest.mark.parametrize("is_in_memory", [True, False])
async def test_a_question_under_way_has_its_answer_before_the_file_is_closed(
    tmp_path: Path, is_in_memory: bool
) -> None:
    view = View(log_of(), MEMORY if is_in_memory else tmp_path / "view.db")
    view.start()
    has_begun, may_end = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> int:
        has_begun.set()
        may_end.wait(20)
        return int(connection.execute("SELECT 41 + 1").fetchone()[0])

    asking = asyncio.create_task(view.ask(slow))
    await asyncio.to_thread(has_begun.wait, 20)
    stopping = asyncio.create_task(view.stop())
    _, unfinished = await asyncio.wait({stopping}, timeout=0.2)
    may_end.set()
    assert await asking == 42
    assert unfinished == {stopping}
    await stopping


async def test_a_log_that_cannot_be_read_is_said_and_tried_again() -> None:
    class Broken(SqliteLog):
        is_broken = True

        def read(self, *place: Any) -> Any:
            if self.is_broken:
                from pipeline.domain.errors import StoreError

                raise StoreError("the disk does not answer")
            return super().read(*place)

    log = Broken(connect(":memory:"))
    for topic in FOLLOWED:
        log.declare(topic, 1)
    view = View(log)
    view.start()
    try:
        await wait_until_async(lambda: view.fault, what="a fault")
        assert "does not answer" in view.fault
        log.is_broken = False
        await wait_until_async(lambda: not view.fault, what="no fault")
    finally:
        await view.stop()
