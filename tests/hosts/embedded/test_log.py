"""The log: offsets never come twice, readers see only what is committed, in order."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.errors import FormatError, StoreError
from pipeline.domain.store import Output
from pipeline.hosts.embedded.database import FORMAT, connect
from pipeline.hosts.embedded.log import TAIL_BYTES_MAX, TAIL_MAX, SqliteLog


def outputs(*keys: str, topic: str = "alerts") -> list[Output]:
    return [Output(topic=topic, key=k, value=k.encode(), headers={"tenant": "t"}) for k in keys]


def open_log(path: str = ":memory:") -> SqliteLog:
    log = SqliteLog(connect(path))
    log.declare("alerts", 1)
    return log


def test_records_come_back_in_order_with_their_headers() -> None:
    log = open_log()
    assert log.append(outputs("a", "b", "c"), 5) == [("alerts", 0, n) for n in range(3)]
    found = log.read("alerts", 0, 1, 10)
    assert [(r.offset, r.key, r.value, r.headers, r.timestamp_ms) for r in found] == [
        (1, "b", b"b", {"tenant": "t"}, 5),
        (2, "c", b"c", {"tenant": "t"}, 5),
    ]
    assert log.bounds("alerts", 0) == (0, 3)


def test_the_disk_gives_what_the_tail_gave(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    first = open_log(path)
    first.append(outputs("a", "b"), 5)
    second = open_log(path)
    assert [(r.offset, r.key, r.value, r.headers) for r in second.read("alerts", 0, 0, 9)] == [
        (r.offset, r.key, r.value, r.headers) for r in first.read("alerts", 0, 0, 9)
    ]
    assert second.append(outputs("c"), 6) == [("alerts", 0, 2)]


def test_offsets_go_on_where_they_were_after_a_rollback() -> None:
    connection = connect(":memory:")
    log = SqliteLog(connection)
    log.declare("alerts", 1)
    log.append(outputs("a"), 1)
    connection.execute("BEGIN")
    log.append(outputs("b"), 1)
    connection.execute("ROLLBACK")
    log.refresh()
    assert log.append(outputs("c"), 1) == [("alerts", 0, 1)]
    assert [r.key for r in log.read("alerts", 0, 0, 9)] == ["a", "c"]


def test_the_tail_is_bounded_and_the_disk_goes_on_serving() -> None:
    log = open_log()
    log.append(outputs(*(str(n) for n in range(3 * TAIL_MAX))), 1)
    log.committed()
    assert len(log.part("alerts", 0).tail) == TAIL_MAX
    assert [r.key for r in log.read("alerts", 0, 0, 2)] == ["0", "1"]
    assert [r.key for r in log.read("alerts", 0, 3 * TAIL_MAX - 1, 2)] == [str(3 * TAIL_MAX - 1)]


def test_a_folder_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    connection = connect(path)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    with pytest.raises(FormatError, match="newer Tocsin"):
        connect(path)


class Dying(sqlite3.Connection):
    """A connection whose process dies before a table of the log is made."""

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql.startswith("CREATE TABLE IF NOT EXISTS log_"):
            self.close()
        return super().execute(sql, *args)


def test_a_folder_left_half_made_is_made_whole_by_the_next_start(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    connect(path).close()
    dying = sqlite3.connect(path, isolation_level=None, factory=Dying)
    with pytest.raises(StoreError):
        SqliteLog(dying).declare("alerts", 1)
    log = open_log(path)
    assert log.append(outputs("a"), 5) == [("alerts", 0, 0)]


def test_the_tail_is_bounded_in_bytes_too() -> None:
    log = open_log()
    value = bytes(TAIL_BYTES_MAX // 10)
    for n in range(30):
        log.append([Output(topic="alerts", key=f"{n}", value=value)], 5)
        log.committed()
    tail = log.part("alerts", 0).tail
    assert tail
    assert sum(len(record.value or b"") for record in tail) <= TAIL_BYTES_MAX
    assert [record.key for record in log.read("alerts", 0, 0, 100)] == [f"{n}" for n in range(30)]


def test_one_record_over_the_bound_of_a_tail_is_read_from_the_disk() -> None:
    log = open_log()
    log.append([Output(topic="alerts", key="a", value=bytes(TAIL_BYTES_MAX + 1))], 5)
    log.committed()
    assert log.part("alerts", 0).tail == []
    log.append(outputs("b"), 5)
    assert [record.key for record in log.read("alerts", 0, 0, 9)] == ["a", "b"]
