"""Silence: what people mute (a silence) and what the calendar mutes (a maintenance)."""

from __future__ import annotations

from msgspec import Struct


class Silence(Struct, frozen=True, kw_only=True):
    """Mutes what all `matchers` match (Alertmanager's syntax) between two instants.

    With `rrule` (RFC 5545) it is a maintenance: it mutes `duration_ms` from each occurrence,
    in `time_zone`, between `starts_at_ms` and `ends_at_ms`. `effective_at_ms` is when every
    worker has it.
    """

    silence_id: str
    tenant: str
    matchers: tuple[str, ...]
    starts_at_ms: int
    ends_at_ms: int
    created_by: str
    comment: str = ""
    created_at_ms: int = 0
    effective_at_ms: int = 0
    rrule: str = ""
    duration_ms: int = 0
    time_zone: str = "UTC"
