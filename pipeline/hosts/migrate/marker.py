"""Marker: how far a migration has come, on the target's control topic.

It is written in the transaction of each piece, so that whoever goes on after a crash repeats
nothing and leaves nothing out. While it stands there, nothing counts as applied: no worker and no
edge begins. The last transaction takes it away, and says what was migrated.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from pipeline.domain.errors import StoreError


class Marker(Struct, frozen=True, kw_only=True):
    """One migration. `source` is the fingerprint, `name` what people call it; `rules` the hash of
    the target's topology. The units before `unit` are done, and of that one what lies before
    `cursor`. `starts` is where tasks read on, by `topic:partition`, once that is known.
    """

    source: str
    name: str
    rules: str
    is_with_history: bool = False
    unit: str = ""
    cursor: int = 0
    starts: dict[str, int] = {}

    def is_same(self, other: Marker) -> bool:
        """Whether both speak of the same migration, however far it has come."""
        mine = (self.source, self.rules, self.is_with_history)
        return mine == (other.source, other.rules, other.is_with_history)


def encode_marker(marker: Marker) -> bytes:
    """A marker as it stands on the control topic."""
    return msgspec.json.encode(marker)


def decode_marker(raw: bytes) -> Marker:
    """A marker of the control topic. Raises StoreError."""
    try:
        return msgspec.json.decode(raw, type=Marker)
    except msgspec.DecodeError as error:
        raise StoreError(f"the control topic holds no marker of a migration: {error}") from None
