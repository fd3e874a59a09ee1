"""Which changes of a service are news: a value on `changes` repeats those before it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pipeline.domain.catalog import Change, ChangeEntry

NEWS_FOR_MS: Final = 86_400_000
"""A change older than a day is not told: who loads a history means to tell nobody."""


def news_of(change: Change, told: Collection[str], now_ms: int) -> tuple[ChangeEntry, ...]:
    """The changes that nobody was told of (`told`: their ids), the oldest first."""
    fresh = [
        entry
        for entry in change.entries
        if entry.change_id not in told and entry.at_ms >= now_ms - NEWS_FOR_MS
    ]
    return tuple(sorted(fresh, key=lambda entry: (entry.at_ms, entry.change_id)))
