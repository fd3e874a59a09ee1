"""Plan and apply as a whole: look, plan, refuse or do, publish."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct

from pipeline.topology.apply.act import act
from pipeline.topology.apply.connection import Connection, Options, connected
from pipeline.topology.apply.control import Control, control_of, publishing
from pipeline.topology.apply.errors import ClusterError
from pipeline.topology.apply.incidents import count_open
from pipeline.topology.apply.look import Found, look
from pipeline.topology.declared import Topology
from pipeline.topology.desired import State, desired
from pipeline.topology.plan import Action, done, plan
from pipeline.topology.risk import Risk


class Prospect(Struct, frozen=True, kw_only=True):
    """A plan for one cluster. `open_incidents` is counted only where something is re-keyed.

    `installation` is empty where nothing was applied yet.
    """

    actions: tuple[Action, ...]
    open_incidents: int = 0
    installation: str = ""

    @property
    def is_needed(self) -> bool:
        """Whether an apply without flags would have something to do, or to refuse."""
        return any(each.kind != "destroy" for each in self.actions)


async def prospect(options: Options, topology: Topology, *, replication: int = 0) -> Prospect:
    """What an apply would do; `replication` overrides the declared number of replicas.

    Raises ClusterError, also where the cluster has fewer brokers than replicas are asked for.
    """
    async with connected(options) as connection:
        await connection.check_versions()
        return await _prospect(connection, options, topology, desired(topology, replication))


async def apply(
    options: Options,
    topology: Topology,
    text: str,
    planned: Sequence[Action],
    *,
    replication: int = 0,
    allowed: Collection[Risk] = (),
) -> Control:
    """Do what was planned and publish the topology, whose file has this text.

    What is done already is left out; nothing is done where something else has to be by now, and
    nothing published where another apply is under way. May be interrupted and run again. Raises
    ClusterError.
    """
    wanted = desired(topology, replication)
    async with connected(options) as connection:
        now = await _prospect(connection, options, topology, wanted)
        if any(each not in planned for each in now.actions):
            raise ClusterError("the cluster has changed since the plan was made: plan again")
        todo = done(now.actions, allowed)
        await act(connection, wanted, todo)
        if not any(each.kind == "publish" for each in todo):
            return await control_of(connection, options, topology.app)
        async with publishing(options, topology.app) as publisher:
            before = await control_of(connection, options, topology.app)
            if before.applied not in ("", _before(todo), topology.hash):
                raise ClusterError("somebody else has applied a topology meanwhile: plan again")
            gone = {each.topic for each in todo if each.kind == "destroy"}
            owned = (before.owned | wanted.owned) - gone
            return await publisher.publish(before, topology.hash, text, owned)


def _before(planned: Sequence[Action]) -> str:
    """The hash that was applied when the plan was made."""
    changes = [change for each in planned if each.kind == "publish" for change in each.changes]
    return next((each.before for each in changes if each.name == "topology"), "")


async def _prospect(
    connection: Connection, options: Options, topology: Topology, wanted: State
) -> Prospect:
    found = await look(connection, options, topology, wanted)
    actions = plan(wanted, found.state)
    _check_brokers(wanted, actions, found)
    is_rekeyed = any(each.risk is Risk.REKEYS for each in actions)
    return Prospect(
        actions=actions,
        open_incidents=await count_open(connection, options) if is_rekeyed else 0,
        installation=found.control.installation,
    )


def _check_brokers(wanted: State, actions: Sequence[Action], found: Found) -> None:
    """Raises ClusterError where topics would get more replicas than there are brokers."""
    made = [each.topic for each in actions if each.kind in ("create", "replication")]
    asked = max((wanted.topics[name].replication for name in made), default=0)
    count = len(found.brokers)
    if asked > count:
        has = "1 broker" if count == 1 else f"{count} brokers"
        raise ClusterError(
            f"{asked} replicas of each partition are asked for, but this cluster has {has}: on a "
            f"cluster for development give `--replication {count}`, or declare `defaults: "
            f"{{replication: {count}}}`; in production {asked} brokers have to run"
        )
