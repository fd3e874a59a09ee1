"""Front: what `faust -A pipeline.app` finds, made of the same parts as `tocsin worker`.

The environment says all of it: TOCSIN_KAFKA_BOOTSTRAP, TOCSIN_CONFIG, TOCSIN_DATA.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.app import compose
from pipeline.app.applied import check_applied
from pipeline.app.working import Working, build, end
from pipeline.domain.errors import UsageError
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.front import Front
from pipeline.hosts.faust.state.slot import Slot
from pipeline.hosts.faust.worker import Worker
from pipeline.observe.metrics import Metrics
from pipeline.settings import Settings, read_settings, secret_resolver
from pipeline.topology.apply.control import read_control
from pipeline.topology.cluster import client_options
from pipeline.topology.declared import Topology
from pipeline.topology.load import load, read
from pipeline.topology.locate import locate


def front() -> Front:
    """The App with all agents and tables; nothing is reached before its worker starts.

    Raises TocsinError where topology.yaml does not lint or lacks a secret.
    """
    settings = read_settings()
    path = settings.config or locate("topology.yaml")
    topology = load(read(path), str(path), secret_resolver(path.parent))
    agents = compose.agents(topology, compose.wiring(topology, installation=""))

    @asynccontextmanager
    async def opening() -> AsyncIterator[Worker]:
        async with _running(settings, topology) as worker:
            yield worker

    return Front(topology.app, agents, settings.data, opening)


@asynccontextmanager
async def _running(settings: Settings, topology: Topology) -> AsyncIterator[Worker]:
    if settings.kafka is None:
        raise UsageError("which Kafka? export TOCSIN_KAFKA_BOOTSTRAP=HOST:PORT")
    options = client_options(settings.kafka)
    control = await read_control(options, topology.app)
    check_applied(topology, control)
    with Slot.any(settings.data) as slot:
        working = Working(
            topology=topology,
            options=options,
            control=control,
            slot=slot,
            events_url=settings.pagerduty_events_url,
        )
        parts = build(working, Clock(), Metrics())
        await parts.worker.start()
        try:
            yield parts.worker
        finally:
            await end(parts, is_leaving=False)
