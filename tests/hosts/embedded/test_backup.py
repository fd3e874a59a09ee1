"""Backup and restore: whole or not at all, wherever they lie, and never over another's traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.errors import StoreError
from pipeline.hosts.embedded.backup import backup, restore
from pipeline.hosts.embedded.folder import DATABASE
from tests.hosts.embedded.test_host import World, outputs


def test_a_backup_restored_goes_on_where_it_was_taken(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    world = World(str(tmp_path / "one" / DATABASE))
    world.host.step(outputs("a", "b"))
    backup(str(tmp_path / "one" / DATABASE), tmp_path / "copy")
    world.host.step(outputs("c"))
    restore(tmp_path / "copy", tmp_path / "two")
    again = World(str(tmp_path / "two" / DATABASE))
    positions, _ = again.host.step(outputs("a"))
    assert positions == [("first", 0, 2)]
    assert again.counts(0) == {"a": 2, "b": 1}


@pytest.mark.parametrize("name", ["50%41", "what?", "a#b", "über uns"])
def test_a_backup_is_found_whatever_its_name(tmp_path: Path, name: str) -> None:
    world = World(str(tmp_path / "db"))
    world.host.step(outputs("a"))
    backup(str(tmp_path / "db"), tmp_path / name)
    restore(tmp_path / name, tmp_path / "two")
    assert World(str(tmp_path / "two" / DATABASE)).counts(0) == {"a": 1}


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_restore_never_mixes_with_what_another_database_left(tmp_path: Path, suffix: str) -> None:
    """SQLite would play a left-over log into the restored database."""
    world = World(str(tmp_path / "db"))
    world.host.step(outputs("a"))
    backup(str(tmp_path / "db"), tmp_path / "copy")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / (DATABASE + suffix)).write_bytes(b"left")
    with pytest.raises(StoreError, match="holds data already"):
        restore(tmp_path / "copy", tmp_path / "two")


def test_a_restore_that_was_killed_can_be_done_again(tmp_path: Path) -> None:
    world = World(str(tmp_path / "db"))
    world.host.step(outputs("a"))
    backup(str(tmp_path / "db"), tmp_path / "copy")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / (DATABASE + ".part")).write_bytes(b"half a page of something" * 99)
    restore(tmp_path / "copy", tmp_path / "two")
    assert World(str(tmp_path / "two" / DATABASE)).counts(0) == {"a": 1}
