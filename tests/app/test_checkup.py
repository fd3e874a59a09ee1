"""What the doctor reads from a database, each state that it can find."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipeline.app import checkup
from pipeline.app.past import Past
from pipeline.codec import encode
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.store import Output
from pipeline.hosts.embedded.database import FORMAT, connect
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.hosts.embedded.log import SqliteLog


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
