"""Changelog: how the state of a task stands in its partition of the agent's changelog topic.

One record per changed key: its key is the table, a zero byte and the key in UTF-8, its value the
bytes in the store, or a tombstone. And one record per epoch that holds the task's Checkpoint.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pipeline.domain.errors import StoreError
from pipeline.domain.store import Checkpoint

CHECKPOINT_KEY: Final = b"\0checkpoint"
"""No table has an empty name, so no changed key can look like it."""

SEPARATOR: Final = b"\0"


def changelog_key(table: str, key: str) -> bytes:
    """The record key of one changed key."""
    return f"{table}\0{key}".encode()


def split_key(raw: bytes) -> tuple[str, bytes]:
    """(table, key in UTF-8) of a record key. Raises StoreError for a key that is none of ours."""
    table, separator, key = raw.partition(SEPARATOR)
    if not separator or not table:
        raise StoreError(
            f"the changelog holds a record whose key {raw[:80]!r} names no table:"
            " something other than this agent writes to its changelog topic"
        )
    return table.decode(), key


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The value of the record under CHECKPOINT_KEY."""
    return msgspec.msgpack.encode(checkpoint)


def decode_checkpoint(raw: bytes) -> Checkpoint:
    """The Checkpoint of a record under CHECKPOINT_KEY. Raises StoreError."""
    try:
        return msgspec.msgpack.decode(raw, type=Checkpoint)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StoreError(
            f"the checkpoint in the changelog cannot be read ({error}): it was not written by"
            " this agent, or by a newer Tocsin"
        ) from None
