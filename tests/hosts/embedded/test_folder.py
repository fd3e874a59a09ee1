"""The data folder: one process at a time, an installation that stays, a clock without jumps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.domain.errors import Busy, FormatError, StoreError
from pipeline.hosts.clock import JUMP_MS_MAX, Clock
from pipeline.hosts.embedded.database import FORMAT, connect
from pipeline.hosts.embedded.folder import LOCK, Folder, installation


def test_a_second_process_is_refused_by_name(tmp_path: Path) -> None:
    first = Folder(tmp_path)
    first.acquire()
    with pytest.raises(Busy, match=f"in use by process {os.getpid()}"):
        Folder(tmp_path).acquire()
    first.release()
    second = Folder(tmp_path)
    second.acquire()
    second.release()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Folder(tmp_path / "file" / "below").acquire()


def test_the_installation_is_made_once(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    name = installation(connect(path))
    assert len(name) == 8
    assert installation(connect(path)) == name
    assert installation(connect(":memory:")) != name


def test_the_clock_follows_drift_but_no_jump_and_never_goes_back() -> None:
    wall, steady = [1_000_000], [0]
    clock = Clock(lambda: wall[0], lambda: steady[0])
    wall[0], steady[0] = 1_000_105, 100
    assert clock.now_ms() == 1_000_105
    wall[0] = 1_000_100
    assert clock.now_ms() == 1_000_105
    wall[0] += JUMP_MS_MAX * 60
    steady[0] = 200
    assert clock.now_ms() == 1_000_200
    assert (clock.jump_ms, clock.behind_ms) == (JUMP_MS_MAX * 60 - 100, 0)


def test_time_goes_on_at_half_speed_where_the_wall_is_behind_what_was_reached() -> None:
    """A wall clock that went back while nothing ran must not stop timers for as long."""
    wall, steady = [1_000_000], [0]
    clock = Clock(lambda: wall[0], lambda: steady[0])
    clock.not_before(4_600_000)
    assert clock.now_ms() == 4_600_000
    assert (clock.jump_ms, clock.behind_ms) == (-3_600_000, 3_600_000)
    for passed in (wall, steady):
        passed[0] += 1_000_000
    assert clock.now_ms() == 5_100_000
    assert clock.jump_ms == -3_100_000
    for passed in (wall, steady):
        passed[0] += 6_200_000
    assert (clock.now_ms(), clock.jump_ms) == (wall[0], 0)
    for passed in (wall, steady):
        passed[0] += 10
    assert clock.now_ms() == wall[0]


def test_a_clock_that_is_ahead_of_what_was_reached_goes_by_the_wall() -> None:
    clock = Clock(lambda: 1_000_000, lambda: 0)
    clock.not_before(999_000)
    assert (clock.now_ms(), clock.jump_ms) == (1_000_000, 0)


def test_a_full_disk_at_the_start_is_said_and_holds_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / LOCK).symlink_to("/dev/full")
    with pytest.raises(StoreError):
        folder.acquire()
    (tmp_path / LOCK).unlink()
    folder.acquire()
    folder.release()


def test_a_reader_refuses_a_database_of_a_newer_format_too(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    connect(path).execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(FormatError, match="newer"):
        connect(path, is_reader=True)
