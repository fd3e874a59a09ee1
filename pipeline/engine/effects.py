"""Effects: all that one epoch of one task wants done; a host does it in one transaction."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from pipeline.domain.journal import JournalRecord
from pipeline.domain.store import Checkpoint, Output


class Effects(Struct, kw_only=True):
    """What to append, what to change and what to count.

    `changes` holds one entry per dirty key, wakes included. `touched` gives the changed rows
    decoded, per table, for those who act after the commit (None: deleted). `reasons` counts
    by name, `events` counts events and wakes, `raised` those of them that were dead-lettered for
    an exception.
    """

    task: str
    outputs: list[Output]
    changes: dict[tuple[str, str], bytes | None]
    touched: dict[str, dict[str, Any]]
    reasons: dict[str, int]
    checkpoint: Checkpoint
    journal: JournalRecord
    events: int
    raised: int
