"""The names of correlate's timers: whose they are, and the table key that they stand for."""

from __future__ import annotations

from typing import Final

ALERT: Final = "a"
GROUP: Final = "g"
INCIDENT: Final = "i"
PLACE: Final = "p"
SEEN: Final = "s"


def name(kind: str, key: str) -> str:
    """The name of the timer of a row; `key` is the row's own, so it starts with the scope."""
    return f"{kind}/{key}"


def parts(wake: str) -> tuple[str, str, str]:
    """(kind, table key, scope) of a timer's name."""
    kind, _, key = wake.partition("/")
    return kind, key, key.partition("/")[0]
