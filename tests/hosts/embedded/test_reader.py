"""A reader in the writer's process: the same records as from the disk, and only committed ones."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipeline.codec import encode
from pipeline.domain.alert import Alert
from pipeline.domain.store import Output
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.log import TAIL_MAX, SqliteLog
from pipeline.hosts.embedded.reader import LogReader

ALERT = Alert(alert_id="k-1", fingerprint="9f1c3b2a77d0e1f4", name="DiskFull")


class World:
    """A log that is written to, its connection, and a reader of each kind."""

    def __init__(self, path: str) -> None:
        self.connection: sqlite3.Connection = connect(path)
        self.log = SqliteLog(self.connection)
        self.log.declare("alerts", 1)
        self.near = LogReader(path, self.log)
        self.far = LogReader(path)

    def append(self, count: int) -> None:
        value = encode(ALERT)
        self.connection.execute("BEGIN IMMEDIATE")
        self.log.append(
            [Output(topic="alerts", key="k", value=value, event=ALERT) for _ in range(count)], 5
        )

    def commit(self) -> None:
        self.connection.execute("COMMIT")
        self.log.committed()

    def offsets(self, offset: int, limit: int = 10_000) -> list[int]:
        near = [record.offset for record in self.near.read("alerts", 0, offset, limit)]
        assert near == [record.offset for record in self.far.read("alerts", 0, offset, limit)]
        return near


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(str(tmp_path / "db"))


def test_what_is_not_committed_is_not_seen(world: World) -> None:
    world.append(2)
    world.commit()
    world.append(3)
    assert world.offsets(0) == [0, 1]
    assert world.offsets(1) == [1]
    assert world.offsets(2) == []
    world.commit()
    assert world.offsets(0) == [0, 1, 2, 3, 4]
    assert world.offsets(1, 2) == [1, 2]


def test_what_was_rolled_back_never_was(world: World) -> None:
    world.append(2)
    world.commit()
    world.append(3)
    world.connection.execute("ROLLBACK")
    world.log.refresh()
    assert world.offsets(0) == [0, 1]
    world.append(1)
    world.commit()
    assert world.offsets(0) == [0, 1, 2]


def test_nearby_records_are_decoded_already(world: World) -> None:
    world.append(1)
    world.commit()
    assert [r.event for r in world.near.read("alerts", 0, 0, 9)] == [ALERT]
    assert [r.event for r in world.far.read("alerts", 0, 0, 9)] == [None]


def test_what_has_left_the_tail_comes_from_the_disk(world: World) -> None:
    for _ in range(3):
        world.append(TAIL_MAX)
        world.commit()
    assert world.offsets(0) == list(range(3 * TAIL_MAX))[:10_000]
    assert world.offsets(3 * TAIL_MAX - 5) == list(range(3 * TAIL_MAX - 5, 3 * TAIL_MAX))
