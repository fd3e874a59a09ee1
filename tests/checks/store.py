"""The one battery for every Store: ordered keys, atomic writes, checkpoints."""

from __future__ import annotations

import random
from collections.abc import Callable

from pipeline.domain.store import Checkpoint, Store


def check_get_put_delete(store: Store) -> None:
    """What was written last is what is read; a deleted key is absent."""
    assert store.get("t", "a") is None
    store.write({("t", "a"): b"1", ("u", "a"): b"2"}, Checkpoint(epoch=1))
    assert (store.get("t", "a"), store.get("u", "a")) == (b"1", b"2")
    store.write({("t", "a"): None, ("u", "a"): b"3"}, Checkpoint(epoch=2))
    assert (store.get("t", "a"), store.get("u", "a")) == (None, b"3")


def check_scan_is_ordered_and_half_open(store: Store) -> None:
    """A scan gives start <= key < end by code point, and no more than its limit."""
    keys = ["b", "a", "é", "a/1", "zz", "\U0001f514", "\uffee"]
    store.write({("t", key): key.encode() for key in keys}, Checkpoint())
    everything = list(store.scan("t", "", "\U0010ffff"))
    assert everything == [(key, key.encode()) for key in sorted(keys)]
    assert [key for key, _ in store.scan("t", "a", "b")] == ["a", "a/1"]
    assert [key for key, _ in store.scan("t", "a", "zz", 2)] == ["a", "a/1"]
    assert list(store.scan("other", "", "\U0010ffff")) == []


def check_deleting_what_is_absent_is_nothing(store: Store) -> None:
    """Deleting an absent key changes nothing."""
    store.write({("t", "nobody"): None}, Checkpoint(epoch=3))
    assert store.checkpoint().epoch == 3


def check_checkpoint_is_what_was_written(store: Store) -> None:
    """A fresh store starts at epoch 0; later the last checkpoint comes back whole."""
    assert store.checkpoint() == Checkpoint()
    last = Checkpoint(epoch=7, now_ms=5, offsets={"alerts:0": 3})
    store.write({}, last)
    assert store.checkpoint() == last


def check_an_empty_value_is_there(store: Store) -> None:
    """No bytes are a value; only a deleted key is absent."""
    store.write({("t", "a"): b"", ("t", "b"): b"\0"}, Checkpoint())
    assert store.get("t", "a") == b""
    assert list(store.scan("t", "a", "c")) == [("a", b""), ("b", b"\0")]


def check_keys_hold_any_character(store: Store) -> None:
    """Slashes, zero bytes and long keys are keys; a table ends where it ends."""
    keys = ["", "a\0b", "a/b", "t\0a", "x" * 2_000]
    store.write({("t", key): b"1" for key in keys} | {("tt", "z"): b"2"}, Checkpoint())
    assert [key for key, _ in store.scan("t", "", "\U0010ffff" * 1_000)] == sorted(keys)
    assert [store.get("t", key) for key in keys] == [b"1"] * len(keys)


def check_an_empty_stretch_has_no_rows(store: Store) -> None:
    """Where end is not after start there is nothing."""
    store.write({("t", key): b"1" for key in "abc"}, Checkpoint())
    assert list(store.scan("t", "b", "b")) == []
    assert list(store.scan("t", "c", "a")) == []


def check_a_scan_is_what_was_there(store: Store) -> None:
    """Writing while somebody reads changes nothing of what he reads."""
    store.write({("t", "a"): b"1", ("t", "b"): b"2"}, Checkpoint())
    rows = store.scan("t", "", "z")
    store.write({("t", "a"): None, ("t", "b"): b"3", ("t", "c"): b"4"}, Checkpoint())
    assert list(rows) == [("a", b"1"), ("b", b"2")]


def check_it_is_a_sorted_map(store: Store) -> None:
    """After any writes, a store reads as the sorted map they make."""
    dice = random.Random(4)
    model: dict[str, bytes] = {}
    for epoch in range(60):
        changes: dict[tuple[str, str], bytes | None] = {}
        for _ in range(dice.choice((1, 3, 100))):
            key = f"{dice.choice('aäb🔔')}{dice.randrange(90)}"
            changes["t", key] = dice.choice((None, key.encode(), b"other"))
        store.write(changes, Checkpoint(epoch=epoch))
        for (_, key), value in changes.items():
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
        start, end = sorted((dice.choice("aäb🔔c"), dice.choice("aäb🔔c")))
        expected = [(key, model[key]) for key in sorted(model) if start <= key < end]
        limit = dice.randrange(20)
        assert list(store.scan("t", start, end, limit)) == expected[: limit or None]
        assert [store.get("t", key) for _, key in changes] == [model.get(k) for _, k in changes]


CHECKS: tuple[Callable[[Store], None], ...] = (
    check_get_put_delete,
    check_scan_is_ordered_and_half_open,
    check_deleting_what_is_absent_is_nothing,
    check_checkpoint_is_what_was_written,
    check_an_empty_value_is_there,
    check_keys_hold_any_character,
    check_an_empty_stretch_has_no_rows,
    check_a_scan_is_what_was_there,
    check_it_is_a_sorted_map,
)
