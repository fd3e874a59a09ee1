"""Points: the named places of an epoch at which a crash test ends or halts the process.

In production nobody listens. Only a program that imports this module can set a listener, and
the crash tests start workers by a program of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

POINTS: Final = (
    "fetched",
    "state-changed",
    "before-begin",
    "begun",
    "partition-added",
    "half-sent",
    "sent",
    "before-add-offsets",
    "after-add-offsets",
    "before-offsets",
    "after-offsets",
    "before-end",
    "end-sent",
    "ended",
    "written",
    "called",
)
"""In the order of one epoch; `end-sent` lies between EndTxn's request and its response, `ended`
before the write to the store, `called` between a receiver's answer and its commit.
"""

_listeners: list[Callable[[str], None]] = []


def reached(point: str) -> None:
    """Tell the listeners that the epoch has come to a point."""
    for listener in _listeners:
        listener(point)


def listen(listener: Callable[[str], None]) -> None:
    """Be told of every point from now on."""
    _listeners.append(listener)
