"""What the doctor reads from a database, each state that it can find."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipeline.app import checkup
from pipeline.app.past import Past
from pipeline.codec import StateCodec, encode
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.notification import Receipt
from pipeline.domain.store import Checkpoint, Output
from pipeline.hosts.embedded.database import FORMAT, connect
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.hosts.embedded.log import SqliteLog
from pipeline.hosts.embedded.store import SqliteStore
from pipeline.stages.send.tables import RECEIVERS, ReceiverState


def fill(folder: Path, topic: str, outputs: list[Output]) -> Past:
    connection = connect(str(folder / DATABASE))
    log = SqliteLog(connection)
    log.declare(topic, 1)
    log.append(outputs, 1)
    connection.close()
    return Past(folder)


def test_no_data_yet_is_well(tmp_path: Path) -> None:
    assert checkup.format_of(tmp_path).state == checkup.OK


def test_a_sound_database_is_well(tmp_path: Path) -> None:
    connect(str(tmp_path / DATABASE)).close()
    found = checkup.format_of(tmp_path)
    assert (found.state, found.says) == (checkup.OK, f"format {FORMAT}, whole")


def test_a_newer_format_fails(tmp_path: Path) -> None:
    connect(str(tmp_path / DATABASE)).close()
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    found = checkup.format_of(tmp_path)
    assert found.state == checkup.FAIL
    assert "newer Tocsin" in found.says
    assert found.hint


def test_a_damaged_file_fails(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database at all" * 1_000)
    found = checkup.format_of(tmp_path)
    assert (found.state, found.hint) == (checkup.FAIL, "restore a backup")


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        (["a"] * 50, checkup.OK),
        (["a"] * 101 + ["b"] * 99, checkup.WARN),
        (["a"] * 100 + ["b"] * 100, checkup.OK),
    ],
)
def test_a_scope_with_more_than_half_is_worth_a_warning(
    tmp_path: Path, keys: list[str], state: str
) -> None:
    past = fill(tmp_path, "alerts", [Output(topic="alerts", key=key, value=b"") for key in keys])
    assert checkup.scopes(past).state == state
    past.close()


def test_dead_letters_are_counted_by_their_reason(tmp_path: Path) -> None:
    letters = [
        DeadLetter(
            dead_letter_id=str(number),
            topic="raw-alerts",
            partition=0,
            offset=number,
            index=-1,
            key="",
            value=b"",
            agent="intake",
            stage="ingest",
            reason=reason,
            detail="",
            at_ms=1,
        )
        for number, reason in enumerate(("invalid", "invalid", "unknown"))
    ]
    past = fill(
        tmp_path,
        "dead-letters",
        [Output(topic="dead-letters", key="raw-alerts", value=encode(one)) for one in letters],
    )
    found = checkup.dead_letters(past)
    assert found.state == checkup.WARN
    assert found.says == "3 kept; the latest: invalid 2, unknown 1"
    past.close()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (ReceiverState(), "no receiver refuses now"),
        (ReceiverState(failures=3, count=7), "on-call: the last 3 calls failed, 7 wait"),
        (ReceiverState(throttles=2, count=1), "on-call: the last 2 calls were throttled, 1 wait"),
    ],
)
def test_a_receiver_that_takes_nothing_is_named(
    tmp_path: Path, state: ReceiverState, says: str
) -> None:
    connection = connect(str(tmp_path / DATABASE))
    changes = {(RECEIVERS.name, "on-call"): StateCodec(RECEIVERS).encode(state)}
    SqliteStore(connection, "deliver-0").write(changes, Checkpoint())
    connection.close()
    past = Past(tmp_path)
    found = checkup.calls(past)
    assert found.says == says
    assert (found.state == checkup.OK) == (state == ReceiverState())
    past.close()


@pytest.mark.parametrize(
    ("results", "says"),
    [
        ([], "none of the latest 0 notifications was given up"),
        (["delivered", "dropped", "collapsed"], "none of the latest 3 notifications was given up"),
        (
            ["delivered", "refused", "ambiguous", "refused"],
            "3 of the latest 4 notifications did not arrive: r refused 2, r ambiguous 1",
        ),
    ],
)
def test_what_reached_nobody_is_counted_and_tests_are_not(
    tmp_path: Path, results: list[str], says: str
) -> None:
    receipts = [
        Receipt(
            notification_id=str(number),
            incident_id=f"s.{number}",
            scope_id="s",
            tenant="default",
            receiver="r",
            sequence=number,
            action="trigger",
            result=result,
            is_test=is_test,
        )
        for number, result in enumerate(results)
        for is_test in (False, True)
    ]
    past = fill(
        tmp_path,
        "receipts",
        [Output(topic="receipts", key="s", value=encode(one)) for one in receipts],
    )
    found = checkup.receipts(past)
    assert found.says == says
    assert found.hint == (
        "`tocsin incident s.3` says why the last one was not" if "refused" in results else ""
    )
    past.close()
