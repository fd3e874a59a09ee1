"""SqliteStore passes the battery of every store, on a file and in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.domain.store import Checkpoint, Store
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.store import SqliteStore
from tests.checks.store import CHECKS


@pytest.mark.parametrize("check_law", CHECKS, ids=lambda law: law.__name__)
def test_sqlite_store(check_law: Callable[[Store], None]) -> None:
    check_law(SqliteStore(connect(":memory:"), "decide-0"))


def test_tasks_do_not_see_each_other_and_a_restart_sees_all(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    first = SqliteStore(connect(path), "decide-0")
    first.write({("t", "a"): b"1"}, Checkpoint(epoch=1))
    assert SqliteStore(connect(path), "decide-1").get("t", "a") is None
    again = SqliteStore(connect(path), "decide-0")
    assert (again.get("t", "a"), again.checkpoint().epoch) == (b"1", 1)
