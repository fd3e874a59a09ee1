"""The one battery for every Store: ordered keys, atomic writes, checkpoints."""

from __future__ import annotations

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


CHECKS: tuple[Callable[[Store], None], ...] = (
    check_get_put_delete,
    check_scan_is_ordered_and_half_open,
    check_deleting_what_is_absent_is_nothing,
    check_checkpoint_is_what_was_written,
)
