"""DeadLetter: an event that could not be processed, with its reason and its bytes."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

DETAIL_SIZE_MAX: Final = 8_000
"""Characters of the traceback or parser's text that are kept: the last ones."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """Where the bytes came from, who gave up on them, why, and the bytes.

    `reason` is a short word for counting, `detail` what a person needs. `index` is the
    position inside a batch (-1: the whole record). Wakes have topic "" and no bytes.
    """

    dead_letter_id: str
    topic: str
    partition: int
    offset: int
    index: int
    key: str
    value: bytes
    headers: dict[str, str] = field(default_factory=dict)
    agent: str
    stage: str
    reason: str
    detail: str
    at_ms: int
    tenant: str = ""


class Rejected(Struct, frozen=True, kw_only=True):
    """Bad data found by a stage: forwarded, it becomes a DeadLetter at the end of the chain.

    `path` names the field (`alerts[3].labels`), `index` the member of a batch.
    """

    reason: str
    detail: str
    path: str = ""
    index: int = -1
