"""Working: one worker process on Kafka, from its slot to a signal.

It refuses to begin under rules that were not applied, takes over what its groups assign to it,
and makes the calls that its outboxes commit.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from msgspec import Struct

from pipeline.app import compose
from pipeline.app.deliveries import Deliveries
from pipeline.app.upkeep.measures import Measures
from pipeline.domain.errors import UsageError
from pipeline.engine import Agent
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.slot import Slot
from pipeline.hosts.faust.worker import Worker
from pipeline.observe.metrics import Metrics
from pipeline.topology.apply.control import Control
from pipeline.topology.declared import Topology
from pipeline.wire.client import Client

STOP_WITHIN_S: Final = 6.0
"""Calls under way when the worker stops get so long to end: one call's deadline and a little."""

_log: Final = structlog.get_logger("tocsin.app")


class Working(Struct, kw_only=True):
    """What is to be run where. `agents` names some (none: all). `options` reach the
    cluster. `on_ready` is called when each of
    them has its first assignment.
    """

    topology: Topology
    options: Mapping[str, Any]
    control: Control
    slot: Slot
    agents: Sequence[str] = ()
    events_url: str = ""
    is_dry: bool = False
    on_ready: Callable[[], None] = lambda: None


def check_applied(topology: Topology, control: Control) -> None:
    """Raises UsageError where the rules at hand are not those that were applied."""
    if not control.applied:
        raise UsageError(
            "nothing was applied to this cluster yet: run `tocsin topology apply` once"
        )
    if control.applied != topology.hash:
        raise UsageError(
            f"topology.yaml has the hash {topology.hash}, applied was {control.applied}:"
            " run `tocsin topology plan` to see the difference, and `apply` to take it over"
        )


def chosen(agents: Sequence[Agent], names: Sequence[str]) -> list[Agent]:
    """The agents of these names, all if none is named. Raises UsageError for an unknown name."""
    known = {agent.name: agent for agent in agents}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no agent {name!r}; there are {', '.join(known)}")
    return [agent for name, agent in known.items() if not names or name in names]


def build(working: Working, clock: Clock, metrics: Metrics) -> tuple[Worker, Deliveries, Client]:
    """The worker and what calls receivers for it, not started."""
    topology = working.topology
    wires = compose.wiring(
        topology,
        working.control.installation,
        slot=compose.new_slot(is_dry=working.is_dry),
        events_url=working.events_url,
    )
    types = compose.event_types(topology)
    setting = Setting(
        app=topology.app,
        options=working.options,
        folder=working.slot.folder,
        slot_id=working.slot.id,
        globals={name: types[name] for name in compose.global_topics(topology)},
    )
    agents = chosen(compose.agents(topology, wires), working.agents)
    worker = Worker(setting, agents, clock.now_ms, working.slot)
    measures = Measures(metrics)
    worker.listeners.append(measures.commit)
    client = Client()
    return worker, Deliveries(worker, client, wires, measures.call), client


async def work_until_signalled(working: Working) -> None:
    """Run until SIGINT or SIGTERM; then let open epochs end and leave.

    Raises what ended a part of the worker by itself.
    """
    check_applied(working.topology, working.control)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    worker, deliveries, client = build(working, Clock(), Metrics())
    await worker.start()
    _log.info("ready", agents=list(worker.apps), slot=working.slot.id)
    working.on_ready()
    told = asyncio.ensure_future(stopping.wait())
    waited: list[asyncio.Future[Any]] = [told, worker.ended]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if worker.ended.done():
        worker.ended.result()
    await deliveries.stop(STOP_WITHIN_S)
    await worker.stop()
    await client.close()
