"""The errors of the engine and its hosts, by what the caller has to decide.

TocsinError
├── Poison            the event is at fault: dead-letter it, the others go on
│   └── Oversize      a value over its topic's limit
├── StoreError        state or log could not be read or written: end the epoch, never poison
│   ├── Busy          try again later (locked, full): nothing was accepted
│   └── FormatError   the folder was written by another version: do not touch it
├── EpochRefused      too many events raise: stop uncommitted, a person must look
└── UsageError        the caller asked for something that is not declared
"""

from __future__ import annotations


class TocsinError(Exception):
    """Whatever Tocsin itself raises."""


class Poison(TocsinError):
    """The event at hand can never be processed; its neighbours can."""


class Oversize(Poison):
    """A value is over its topic's limit."""

    def __init__(self, topic: str, size_bytes: int, size_bytes_max: int) -> None:
        super().__init__(f"{size_bytes} bytes for {topic}, whose limit is {size_bytes_max}")


class StoreError(TocsinError):
    """State or log could not be read or written; the event is not to blame."""


class Busy(StoreError):
    """Not now (locked, disk full, queue full): nothing was accepted, try after `after_s`."""

    def __init__(self, why: str, after_s: int = 5) -> None:
        super().__init__(why)
        self.after_s = after_s


class FormatError(StoreError):
    """What lies on disk was written by a version that this one cannot read."""


class EpochRefused(TocsinError):
    """So many events raise that the code must be at fault: the task stops uncommitted."""


class UsageError(TocsinError):
    """The caller asked for a table, topic or global that its agent does not declare."""
