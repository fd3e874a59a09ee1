"""The data folder: one process at a time, an installation that stays, a clock without jumps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.domain.errors import Busy, StoreError
from pipeline.hosts.embedded.clock import JUMP_MS_MAX, Clock
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.folder import Folder, installation


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
    assert clock.jump_ms == JUMP_MS_MAX * 60 - 100
