"""Record: one entry of a topic as hosts read it; Origin: the position an event derives from."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

ORIGIN: Final = "origin"
TENANT: Final = "tenant"
TRACE: Final = "trace"
IDEMPOTENCY: Final = "idempotency-key"
FORMAT: Final = "format"
SOURCE: Final = "source"
"""Names of the headers that Tocsin itself writes and reads."""

DEFAULT_TENANT: Final = "default"


class Record(Struct, kw_only=True):
    """One record of one partition. `value` None is a tombstone; `event` is its decoded form
    where the host still has it at hand (it always equals what `value` decodes to).
    """

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: dict[str, str] = field(default_factory=dict)
    timestamp_ms: int = 0
    event: object = None


class Origin(Struct, frozen=True):
    """The position in `raw-alerts` or `commands` that everything else derives from.

    `index` counts the events that one record became; `trace_id` links its way for people.
    """

    topic: str
    partition: int
    offset: int
    index: int = 0
    tenant: str = DEFAULT_TENANT
    trace_id: str = ""

    @property
    def text(self) -> str:
        """The position as `topic:partition:offset:index`."""
        return f"{self.topic}:{self.partition}:{self.offset}:{self.index}"
