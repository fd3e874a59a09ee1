"""RawAlert: a record of `raw-alerts` as it came, before anyone knows its format."""

from __future__ import annotations

from msgspec import Struct, field


class RawAlert(Struct, frozen=True, kw_only=True):
    """The bytes and headers of one record; `timestamp_ms` is when its log took it."""

    value: bytes
    key: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    timestamp_ms: int = 0
