"""ChangelogMemory passes the battery of every store, and keeps order only for who scans."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.domain.errors import StoreError
from pipeline.domain.store import Checkpoint, Store
from pipeline.hosts.faust.state.changelog import changelog_key
from pipeline.hosts.faust.state.memory import ChangelogMemory
from tests.checks.store import CHECKS


@pytest.mark.parametrize("check_law", CHECKS, ids=lambda law: law.__name__)
def test_changelog_memory(check_law: Callable[[Store], None]) -> None:
    check_law(ChangelogMemory())


def test_a_loaded_stretch_is_the_state() -> None:
    store = ChangelogMemory(position=3)
    latest = {changelog_key("t", key): key.encode() for key in ("b", "é", "a\0c")}
    store.load({**latest, changelog_key("u", "gone"): None}, Checkpoint(epoch=2), 9, 0)
    assert next(iter(store.scan("t", "", "z\U0010ffff"))) == ("a\0c", b"a\0c")
    assert (store.get("t", "é"), store.position, store.checkpoint().epoch) == ("é".encode(), 9, 2)
    store.load({changelog_key("t", "b"): None}, Checkpoint(epoch=3), 12, 0)
    assert store.get("t", "b") is None


@pytest.mark.parametrize("key", [b"", b"no-table", b"\0empty-table"])
def test_a_key_of_somebody_else_is_refused(key: bytes) -> None:
    with pytest.raises(StoreError, match="names no table"):
        ChangelogMemory().load({key: b"1"}, Checkpoint(), 1, 0)
