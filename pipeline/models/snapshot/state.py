"""State: a model that is one msgpack Struct, read back or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from pipeline.domain.model import SnapshotError

T = TypeVar("T", bound=msgspec.Struct)

FIELDS = {"format": "format", "features": "features_version"}
"""By the reason of a refusal, the field of the state that holds the version in question."""


def read_state(raw: bytes, kind: type[T], what: str, wanted: Mapping[str, int]) -> T:
    """The state of `what` in a snapshot; `wanted` holds the version read here by each reason.

    Raises SnapshotError: a reason of `wanted` where that version is another, `content` where it
    can not be read.
    """
    try:
        state = msgspec.msgpack.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise SnapshotError("content", f"the {what} can not be read: {error}") from error
    for reason, own in wanted.items():
        found = getattr(state, FIELDS[reason])
        if found != own:
            raise SnapshotError(
                reason,
                f"the snapshot of the {what} has {reason} {found}, this version reads {own}: "
                "let it learn anew",
            )
    return state
