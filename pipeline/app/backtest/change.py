"""Change: what is to be tried: other rules, sections of rules, or another model.

Rules of history are those of their time, by the hash that each epoch names. A file that states
receivers and routes is whole by itself; one that states less replaces only the sections that it
states, in whatever rules were in force. The state goes on from what history had, as after a
reload, so the scope must be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from pipeline.domain.errors import UsageError
from pipeline.engine import Agent, Globals
from pipeline.engine.agent import INCIDENTS_TOPIC
from pipeline.topology.declared import Topology

RAW: Final = "raw-alerts"

OfTime = Callable[[str], Topology]
"""From the hash that an epoch names to rules. Raises UsageError where they are not kept."""


class Sides(Struct, frozen=True, kw_only=True):
    """Who decides and who takes in: by name in history, as an agent in the other run.

    `is_own_intake`: the other run makes other alerts of what came in, so it takes in by itself.
    """

    real_decides: str
    real_takes_in: str
    decides: Agent
    takes_in: Agent
    is_own_intake: bool


class Change:
    """`real` gives the rules of history, `other` those to try, `agents` builds them; `globals_`
    is what the other run looks up.
    """

    def __init__(
        self,
        real: OfTime,
        other: OfTime,
        agents: Callable[[Topology], Sequence[Agent]],
        globals_: Globals,
    ) -> None:
        self._real = real
        self._other = other
        self._agents = agents
        self.globals = globals_
        self._sides: dict[str, Sides] = {}

    def sides(self, topology_hash: str) -> Sides:
        """Both sides under the rules that an epoch names; the same object for the same rules.

        Raises UsageError where they can not be compared.
        """
        found = self._sides.get(topology_hash)
        if found is None:
            real, other = self._real(topology_hash), self._other(topology_hash)
            found = self._sides[topology_hash] = self._of(real, other)
        return found

    def _of(self, real: Topology, other: Topology) -> Sides:
        if real.scope != other.scope:
            raise UsageError(
                f"the scope differs: {', '.join(real.scope) or 'none'} in history,"
                f" {', '.join(other.scope) or 'none'} in the rules to try. What is known of open"
                " incidents cannot be carried over to other scopes: state the same `scope`"
            )
        agents = {agent.name: agent for agent in self._agents(other)}
        return Sides(
            real_decides=_decides(real),
            real_takes_in=_takes_in(real),
            decides=agents[_decides(other)],
            takes_in=agents[_takes_in(other)],
            is_own_intake=_intake(real) != _intake(other),
        )


def _decides(topology: Topology) -> str:
    return _only(topology, "writes incidents", lambda name: _writes(topology, name))


def _writes(topology: Topology, name: str) -> bool:
    return INCIDENTS_TOPIC in topology.agents[name].writes


def _takes_in(topology: Topology) -> str:
    return _only(topology, "reads raw-alerts", lambda name: RAW in topology.agents[name].reads)


def _only(topology: Topology, what: str, is_meant: Callable[[str], bool]) -> str:
    found = [name for name in topology.agents if is_meant(name)]
    if len(found) != 1:
        raise UsageError(
            f"a backtest needs one agent that {what}; under `agents` there are {len(found)}"
        )
    return found[0]


def _intake(topology: Topology) -> object:
    """All that decides what becomes of a raw alert before it reaches `alerts`."""
    spec = topology.agents[_takes_in(topology)]
    sections = [topology.sections.get(stage) for stage in spec.stages]
    return spec, sections, topology.topics["alerts"].size_max
