"""The bytes of single members of a batch, so that a refused one can be kept and redriven alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

ENVELOPE_SIZE_BYTES_MAX: Final = 4_096
"""What stands around an Alertmanager's alerts is kept with each of them up to this size."""

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_GROUP: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
ALERTS: Final = "alerts"


def member_bytes(body: bytes, indexes: Sequence[int]) -> list[bytes]:
    """For each index the body that holds that member alone, in the format of the whole.

    The whole body where the index is -1 or where no member can be told apart.
    """
    envelope: dict[str, msgspec.Raw] | None = None
    members: Sequence[msgspec.Raw] = ()
    try:
        if body.lstrip()[:1] == b"[":
            members = _LIST.decode(body)
        else:
            group = _GROUP.decode(body)
            if ALERTS in group:
                members = _LIST.decode(group.pop(ALERTS))
                envelope = _small(group)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [body for _ in indexes]
    return [
        _alone(members[index], envelope) if 0 <= index < len(members) else body for index in indexes
    ]


def _small(group: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    size_bytes = sum(len(name) + len(bytes(raw)) for name, raw in group.items())
    return group if size_bytes <= ENVELOPE_SIZE_BYTES_MAX else {}


def _alone(member: msgspec.Raw, envelope: dict[str, msgspec.Raw] | None) -> bytes:
    array = b"[" + bytes(member) + b"]"
    if envelope is None:
        return array
    return msgspec.json.encode({**envelope, ALERTS: msgspec.Raw(array)})
