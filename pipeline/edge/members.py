"""The bytes of refused members of a batch, so that each can be kept and redriven alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from pipeline.domain.deadletter import Rejected

ENVELOPE_SIZE_BYTES_MAX: Final = 4_096
"""What stands around an Alertmanager's alerts is kept with each of them up to this size."""

ALERTS: Final = "alerts"
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_GROUP: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Kept(Struct, frozen=True):
    """Bytes to keep, and what is wrong with them: one member, or a body that cannot be split."""

    value: bytes
    faults: list[Rejected]


def split(body: bytes, rejected: Sequence[Rejected]) -> list[Kept]:
    """For each refused member the body that holds it alone, in the format of the whole.

    Members that cannot be told apart keep the whole body together, once.
    """
    envelope: dict[str, msgspec.Raw] | None = None
    members: Sequence[msgspec.Raw] = ()
    prefix = "["
    try:
        if body.lstrip()[:1] == b"[":
            members = _LIST.decode(body)
        else:
            group = _GROUP.decode(body)
            if ALERTS in group:
                prefix = f"{ALERTS}["
                members = _LIST.decode(group.pop(ALERTS))
                envelope = _small(group)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = ()
    alone: list[Kept] = []
    together: list[Rejected] = []
    for bad in rejected:
        if 0 <= bad.index < len(members) and bad.path.startswith(prefix):
            alone.append(Kept(_alone(members[bad.index], envelope), [bad]))
        else:
            together.append(bad)
    return [*alone, Kept(body, together)] if together else alone


def _small(group: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    size_bytes = sum(len(name) + len(bytes(raw)) for name, raw in group.items())
    return group if size_bytes <= ENVELOPE_SIZE_BYTES_MAX else {}


def _alone(member: msgspec.Raw, envelope: dict[str, msgspec.Raw] | None) -> bytes:
    array = b"[" + bytes(member) + b"]"
    if envelope is None:
        return array
    return msgspec.json.encode({**envelope, ALERTS: msgspec.Raw(array)})
