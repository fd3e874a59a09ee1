"""World: a host with a virtual clock, as stories need it; and the embedded host as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pipeline.app import compose
from pipeline.domain.stage import Event
from pipeline.domain.store import Output
from pipeline.engine import Agent
from pipeline.hosts.embedded.driver import Answer, Driver
from pipeline.topology.declared import Topology


class World(Protocol):
    """A host on which a story plays. Each act ends when nothing is left to do at its instant."""

    now_ms: int

    def send(
        self,
        topic: str,
        key: str,
        value: Event | bytes | None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Append one record."""
        ...

    def append(self, outputs: Sequence[Output]) -> None:
        """Append records together."""
        ...

    def advance(self, by: str | int) -> None:
        """Move the clock; each wake on the way runs at its own instant."""
        ...

    def restart(self, agents: Sequence[Agent], down_ms: int = 0) -> None:
        """Go on with another run of the worker, so much later."""
        ...

    def read(self, topic: str) -> list[Any]:
        """The events that came onto a topic since the last `read` of it."""
        ...

    def table(self, name: str) -> dict[str, Any]:
        """The committed rows of one table."""
        ...


Opening = Callable[[Topology, Sequence[Agent], Answer], World]
"""Starts a host for a topology whose receivers answer so."""


class Embedded(Driver):
    """The embedded host as a World."""

    def restart(self, agents: Sequence[Agent], down_ms: int = 0) -> None:
        """Go on with another run of the worker, so much later."""
        self.now_ms += down_ms
        self.host.replace_agents(agents)
        self.settle()


def embedded(topology: Topology, agents: Sequence[Agent], answer: Answer) -> Embedded:
    """The embedded host in memory."""
    types = compose.event_types(topology)
    known = compose.global_topics(topology)
    return Embedded(agents, types=types, globals_=known, answer=answer)
