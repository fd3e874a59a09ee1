"""Working: one worker process on Kafka, from its slot to a signal.

It refuses to begin under rules that were not applied, takes over what its groups assign to it,
and makes the calls that its outboxes commit.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import structlog
from msgspec import Struct

from pipeline.app import compose, learning
from pipeline.app.applied import check_applied
from pipeline.app.deliveries import Deliveries
from pipeline.app.upkeep.measures import Measures
from pipeline.domain.errors import UsageError
from pipeline.edge.probes import build_probes
from pipeline.edge.server import serve
from pipeline.engine import Agent
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.slot import Slot
from pipeline.hosts.faust.worker import Worker
from pipeline.observe.metrics import Metrics
from pipeline.stages.fit.tables import MODELS
from pipeline.topology.apply.control import Control
from pipeline.topology.declared import Topology
from pipeline.wire.client import Client

STOP_WITHIN_S: Final = 6.0
"""Calls under way when the worker stops get so long to end: one call's deadline and a little."""

SETTLE_WITHIN_S: Final = 3.0
"""What they brought back gets so long to be committed; else the calls are repeated."""

END_WITHIN_S: Final = 30.0
"""All of the end together; what is open then is taken over as after a crash."""

_log: Final = structlog.get_logger("tocsin.app")


class Working(Struct, kw_only=True):
    """What is to be run where. `options` reach the cluster, `agents` names some (none: all).

    `is_leaving` gives the partitions to the other workers when it stops: a scale-in, no restart.
    `listen` is where health and metrics are served (None: nowhere). `on_ready` is called when each
    agent has its first assignment.
    """

    topology: Topology
    options: Mapping[str, Any]
    control: Control
    slot: Slot
    agents: Sequence[str] = ()
    events_url: str = ""
    is_dry: bool = False
    is_leaving: bool = False
    listen: tuple[str, int] | None = None
    on_ready: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        """Without the options: a password may be among them."""
        return f"Working(agents={self.agents!r}, slot={self.slot.id!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`, for tracebacks that show variables."""
        return [("agents", self.agents), ("slot", self.slot.id)]


def chosen(agents: Sequence[Agent], names: Sequence[str]) -> list[Agent]:
    """The agents of these names, all if none is named. Raises UsageError for an unknown name."""
    known = {agent.name: agent for agent in agents}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no agent {name!r}; there are {', '.join(known)}")
    return [agent for name, agent in known.items() if not names or name in names]


class Parts(NamedTuple):
    """A worker and what calls receivers for it."""

    worker: Worker
    deliveries: Deliveries
    client: Client
    measures: Measures


def build(working: Working, clock: Clock, metrics: Metrics) -> Parts:
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
    return Parts(worker, Deliveries(worker, client, wires, measures.call), client, measures)


async def end(parts: Parts, *, is_leaving: bool) -> None:
    """Let calls under way end, commit what they brought back, and stop."""
    await parts.deliveries.stop(STOP_WITHIN_S)
    await parts.worker.settle(SETTLE_WITHIN_S)
    await parts.worker.stop(is_leaving=is_leaving)
    await parts.client.close()


async def work_until_signalled(working: Working) -> None:
    """Run until SIGINT or SIGTERM; then let open epochs end and leave.

    Raises what ended a part of the worker by itself.
    """
    check_applied(working.topology, working.control)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    clock, metrics = Clock(), Metrics()
    parts = build(working, clock, metrics)
    worker = parts.worker
    metrics.on_render(lambda: sample(worker, clock, metrics))
    metrics.on_render(lambda: show_models(worker, parts.measures))
    probing = loop.create_task(_probe(stopping, working, worker, metrics))
    starting = loop.create_task(worker.start())
    for each in (worker.ended, probing):
        each.add_done_callback(lambda _: stopping.set())
    if await _until_done(starting, stopping):
        starting.result()
        _log.info("ready", agents=list(worker.apps), slot=working.slot.id)
        working.on_ready()
        if compose.is_learning(app.definition for app in worker.apps.values()):
            learning.load_aside()
        await stopping.wait()
    for each in (worker.ended, probing):
        if each.done():
            each.result()
    if not starting.done():
        _log.info("stopped before it was ready")
        return
    ending = loop.create_task(end(parts, is_leaving=working.is_leaving))
    ended, late = await asyncio.wait([ending, probing], timeout=END_WITHIN_S)
    for each in ended:
        each.result()
    if late:
        _log.error("the end takes too long: what is open is taken over as after a crash")


async def _until_done(starting: asyncio.Task[None], stopping: asyncio.Event) -> bool:
    """Whether it was done before it was told to stop."""
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait([starting, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    return starting.done()


async def _probe(
    stopping: asyncio.Event, working: Working, worker: Worker, metrics: Metrics
) -> None:
    """Serve probes, if anybody wants them, until told to stop: a start may take long, too."""
    if working.listen is None:
        await stopping.wait()
        return
    probes = build_probes(worker.complaints, metrics.render)
    await serve(probes, *working.listen, lambda url: _log.info("probes", url=url), stopping)


def show_models(worker: Worker, measures: Measures) -> None:
    """How good the models are that this worker learns, also those it has only just taken over."""
    for app in worker.apps.values():
        for hosted in tuple(app.epochs.tasks.values()):
            if hosted.task.has_table(MODELS.name):
                measures.models(hosted.task.name, hosted.task.rows(MODELS.name))


def sample(worker: Worker, clock: Clock, metrics: Metrics) -> None:
    """What is only looked at when somebody asks for metrics."""
    complaints = worker.complaints()
    metrics.set("ready", not complaints)
    metrics.set("complaints", len(complaints))
    metrics.set("clock_jump_seconds", clock.jump_ms / 1_000)
    late_ms = clock.now_ms() - worker.next_due_ms()
    metrics.set("wakes_late_seconds", max(late_ms, 0) / 1_000)
    for name in ("lag_records", "standby_lag_seconds", "globals_lag_seconds"):
        metrics.clear(name)  # a task that went to another worker is measured there
    for task, behind in worker.lag().items():
        metrics.set("lag_records", behind, {"task": task})
    for task, lag_s in worker.standby_lag_s().items():
        metrics.set("standby_lag_seconds", lag_s, {"task": task})
    for topic, lag_s in worker.globals_lag_s().items():
        metrics.set("globals_lag_seconds", lag_s, {"topic": topic})
