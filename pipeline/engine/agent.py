"""Agent: a chain of stages, the topics that it reads and writes, the globals it looks up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from pipeline.domain.stage import Event, Stage

AUDIT: Final = "audit"
DEAD_LETTERS: Final = "dead-letters"
INCIDENTS_TOPIC: Final = "incidents"
JOURNAL: Final = "journal"
RESULTS: Final = "results"
"""The pseudo-topic of what delivery loops bring back: its records stand in the journal."""

SIZE_BYTES_MAX: Final = 1_000_000
"""The limit of a record's value where its topic declares none, as Kafka's default."""

DEAD_LETTER_BYTES_MAX: Final = 40_000_000
"""A dead letter holds the whole record that failed, of up to 32 MiB, and its reason."""


class Agent(Struct, frozen=True, kw_only=True):
    """One agent as topology.yaml declares it, with its stages built.

    `reads` gives the type of the events on each topic, `writes` the topics that its stages
    may emit to; any agent may write dead letters. `size_bytes_max` is the limit per topic.
    """

    name: str
    stages: tuple[Stage, ...]
    reads: Mapping[str, type[Event]]
    writes: tuple[str, ...] = ()
    looks_up: tuple[str, ...] = ()
    topology: str = ""
    slot: str = ""
    size_bytes_max: Mapping[str, int] = field(default_factory=dict)

    def limit(self, topic: str) -> int:
        """The limit of one record's value on `topic`, in bytes."""
        default = DEAD_LETTER_BYTES_MAX if topic == DEAD_LETTERS else SIZE_BYTES_MAX
        return self.size_bytes_max.get(topic, default)
