"""`tocsin replay`: the past exactly as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import TOPOLOGY, Running
from tests.cli.tocsin import tocsin
from tests.wait import wait_until

LIFE = ("Quiet", "Loud", "Other")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Tocsin that has lived, changed its rules in between, and ended."""
    world = Running(tmp_path_factory.mktemp("past"), TOPOLOGY)
    for name in LIFE:
        world.post([name], service=name.lower())
    wait_until(lambda: len(world.effective()) == 3, what="three pages")
    world.tocsin.stop()
    world.config.write_text(TOPOLOGY.replace("by-service", "by-its-service"), encoding="utf-8")
    world.restart()
    world.post(["Late"], service="late")
    wait_until(lambda: len(world.effective()) == 4, what="the fourth page")
    assert world.tocsin.stop() == 0
    yield world
    world.end()


def test_every_epoch_is_equal_also_over_a_change_of_rules(past: Running) -> None:
    done = past.call("replay", "--json")
    assert done.code == 0, done.out
    assert done.json["epochs"] == done.json["equal"] > 4
    assert done.json["differences"] == []
    assert f"{done.json['epochs']} equal" in past.call("replay").out


def test_a_range_replays_a_part_of_it(past: Running) -> None:
    whole = past.call("replay", "--json").json
    middle_ms = (whole["from_ms"] + whole["to_ms"]) // 2
    part = past.call("replay", "--to", str(middle_ms), "--json").json
    assert 0 < part["epochs"] < whole["epochs"]


def test_a_backup_is_replayed_as_well(past: Running, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    past.call("backup", str(file))
    assert tocsin("replay", str(file)).code == 0


def test_what_was_changed_afterwards_is_found(past: Running, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    past.call("backup", str(file))
    database = sqlite3.connect(file)
    (number,) = database.execute("SELECT id FROM partitions WHERE topic = 'raw-alerts'").fetchone()
    table = f"log_{number}"
    for offset, value in database.execute(f"SELECT offset, value FROM {table}").fetchall():
        changed = value.replace(b"Quiet", b"quiet")
        database.execute(f"UPDATE {table} SET value = ? WHERE offset = ?", (changed, offset))
    database.commit()
    database.close()
    done = tocsin("replay", str(file), "--json")
    assert done.code == 1
    assert done.json["differences"][0]["task"] == "intake-0"
    assert "digest then" in tocsin("replay", str(file)).out


def test_nothing_to_replay_is_said(tmp_path: Path) -> None:
    done = tocsin("replay", "--data", str(tmp_path))
    assert done.code == 1
    assert "does not exist" in done.err


def test_a_range_that_ends_before_it_begins_is_wrong_usage(past: Running) -> None:
    done = past.call("replay", "--from", "2h", "--to", "3h")
    assert done.code == 2
    assert "the range is empty" in done.err
