"""Text and JSON as receivers take them: cut at their limits, and valid UTF-8 whatever came in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

TIME_MS_MAX: Final = 253_402_300_799_000
"""The last second of the year 9999: later instants have no RFC 3339 form."""


def cut(text: str, size_max: int) -> str:
    """At most `size_max` characters; what was cut ends with an ellipsis."""
    return text if len(text) <= size_max else text[: size_max - 1] + "…"


def iso(at_ms: int) -> str:
    """An instant in RFC 3339 with milliseconds, "" where it is unknown or out of range."""
    if not 0 < at_ms <= TIME_MS_MAX:
        return ""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def json_body(value: Any) -> bytes:
    """JSON bytes. Lone surrogates, which no UTF-8 carries, become question marks."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_scrubbed(msgspec.to_builtins(value)))


def filled(value: dict[str, Any]) -> dict[str, Any]:
    """The mapping without its empty members; 0 and False say something."""
    return {key: member for key, member in value.items() if member or isinstance(member, int)}


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(member) for member in value]
    return value
