"""Upkeep: the jobs of one running Tocsin, started and stopped with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from pipeline.app.upkeep.canary import CanaryWatch
from pipeline.app.upkeep.dead_man import DeadMansSwitch
from pipeline.app.upkeep.disk import DiskWatch
from pipeline.app.upkeep.jobs import Job, Jobs
from pipeline.app.upkeep.keeping import Bases, Opening, Trimming
from pipeline.app.upkeep.measures import Measures
from pipeline.app.upkeep.own_alerts import OwnAlert, OwnAlerts, offer
from pipeline.app.upkeep.receivers import ReceiverWatch
from pipeline.app.upkeep.troubles import TroubleWatch, troubles
from pipeline.app.upkeep.undelivered import UndeliveredWatch
from pipeline.domain.notification import Receipt
from pipeline.domain.store import Output
from pipeline.engine import Effects
from pipeline.hosts.clock import Clock
from pipeline.hosts.embedded.folder import Folder
from pipeline.hosts.embedded.runner import Runner
from pipeline.observe.metrics import Metrics
from pipeline.sinks.canary import RECEIVER
from pipeline.stages.fit.tables import MODELS
from pipeline.stages.ingest import IngestConfig
from pipeline.stages.send.tables import OUTBOX, RECEIVERS
from pipeline.topology.declared import Topology
from pipeline.wire.client import Client

CANARY_LOST: Final = "TocsinCanaryLost"
LOOK_S: Final = 1.0
DISK_S: Final = 15.0
TRIM_S: Final = 60.0
BASE_S: Final = 3_600.0
SETTLED_S: Final = 30.0
"""What can wait begins so long after the start."""

LANDED_MAX: Final = 100
"""Canaries whose resolving waits to be appended; further ones end by themselves."""


class Parts(Struct, kw_only=True):
    """What upkeep works on."""

    runner: Runner
    clock: Clock
    client: Client
    retention: Opening
    folder: Folder | None
    metrics: Metrics
    measures: Measures
    is_dry: bool = False


class Upkeep:
    """The periodic work of one process. `complaints` is what readiness says."""

    def __init__(self, parts: Parts, topology: Topology) -> None:
        self.canary = CanaryWatch(parts.metrics, is_dry=parts.is_dry)
        self._parts = parts
        self._topology = topology
        self._landed: list[Output] = []
        self._loop = asyncio.get_running_loop()
        self._alerts = OwnAlerts(parts.runner, parts.clock.now_ms, self._ingest, parts.metrics)
        self._jobs = Jobs((), parts.metrics)
        self._undelivered = UndeliveredWatch(self._alerts, parts.clock.now_ms)
        self._receivers = ReceiverWatch(
            self._alerts, parts.clock.now_ms, lambda: self._topology.sections["receivers"]
        )
        host = parts.runner.host
        host.listeners += [parts.measures.commit, self._committed]
        host.watch(OUTBOX.name, parts.measures.outbox)
        host.watch(RECEIVERS.name, parts.measures.receivers)
        host.watch(RECEIVERS.name, self._receivers.take)
        host.watch(MODELS.name, parts.measures.models)
        parts.metrics.on_render(self._sample)

    def start(self) -> None:
        """Begin all jobs; must run on the event loop."""
        self._jobs = Jobs(self._plan(), self._parts.metrics)
        self._jobs.start()

    async def stop(self) -> None:
        """End all jobs."""
        await self._jobs.stop()

    async def follow(self, topology: Topology) -> None:
        """Go on as another topology says."""
        await self._jobs.stop()
        self._topology = topology
        if not topology.observe.canary.every:
            self.canary.forget()
        self.start()

    def complaints(self) -> list[str]:
        """What speaks against sending work here, as sentences."""
        parts = self._parts
        found = list(troubles(parts.runner, parts.clock).values())
        if self.canary.is_lost:
            age_s = (parts.clock.now_ms() - self.canary.lost_since_ms) // 1_000
            found.append(
                f"the canary sent {age_s} s ago has not arrived: alerts may not get through"
            )
        return found

    def _plan(self) -> list[Job]:
        parts, observe = self._parts, self._topology.observe
        watch = TroubleWatch(lambda: troubles(parts.runner, parts.clock), self._alerts)
        trimming = Trimming(
            parts.runner, parts.retention, self._topology, parts.clock.now_ms, parts.metrics
        )
        jobs = [
            Job(name="canary", every_s=LOOK_S, run=self._fly),
            Job(name="troubles", every_s=LOOK_S, run=watch.run),
            Job(name="receivers", every_s=LOOK_S, run=self._receivers.run),
            Job(name="undelivered", every_s=LOOK_S, run=self._undelivered.run),
            Job(name="retention", every_s=TRIM_S, first_s=SETTLED_S, run=trimming.run),
        ]
        if observe.dead_man.url is not None and observe.dead_man.every:
            url, every_s = observe.dead_man.url, observe.dead_man.every / 1_000
            switch = DeadMansSwitch(parts.client, url, self.complaints, parts.metrics)
            jobs.append(Job(name="dead-man", every_s=every_s, run=switch.run))
        if parts.folder is not None:
            jobs += self._plan_of_disk(parts.folder)
        return jobs

    def _plan_of_disk(self, folder: Folder) -> list[Job]:
        parts = self._parts
        disk = DiskWatch(
            folder.path, int(self._topology.observe.disk_free_min), self._alerts, parts.metrics
        )
        bases = Bases(folder.database, folder.path / "bases", parts.clock.now_ms, parts.metrics)

        async def take_base() -> None:
            if not (disk.is_low or parts.runner.fault):
                await bases.run()

        return [
            Job(name="disk", every_s=DISK_S, run=disk.run),
            Job(name="base", every_s=BASE_S, first_s=SETTLED_S, run=take_base),
        ]

    async def _fly(self) -> None:
        """Send the canary that is due, resolve those that arrived, and say if one is lost."""
        parts, spec = self._parts, self._topology.observe.canary
        now_ms = parts.clock.now_ms()
        landed, self._landed = self._landed, []
        if self.canary.is_due(now_ms, int(spec.every)):
            parts.metrics.count("canaries", 1, {"result": "sent"})
            landed.append(self.canary.send(now_ms, self._ingest()))
        if landed:
            await offer(parts.runner, landed)
        self.canary.check(parts.clock.now_ms(), int(spec.within))
        await self._alerts.say(_LOST, is_firing=self.canary.is_lost)

    def _committed(self, epochs: Sequence[Effects], _took_s: float) -> None:
        """Called in the runner's thread: hand receipts that somebody waits for to the loop."""
        for effects in epochs:
            for output in effects.outputs:
                receipt = output.event
                if not isinstance(receipt, Receipt):
                    continue
                if receipt.receiver == RECEIVER:
                    self._loop.call_soon_threadsafe(self._land, receipt)
                elif self._undelivered.concerns(receipt):
                    self._loop.call_soon_threadsafe(self._undelivered.take, (receipt,))

    def _land(self, receipt: Receipt) -> None:
        output = self.canary.take(receipt, self._parts.clock.now_ms(), self._ingest())
        if output is not None and len(self._landed) < LANDED_MAX:
            self._landed.append(output)

    def _ingest(self) -> IngestConfig:
        config: Any = self._topology.sections["ingest"]
        return config if isinstance(config, IngestConfig) else IngestConfig()

    def _sample(self) -> None:
        """What is only looked at when somebody asks for metrics."""
        parts, complaints = self._parts, self.complaints()
        metrics, host = parts.metrics, parts.runner.host
        metrics.set("ready", not complaints)
        metrics.set("complaints", len(complaints))
        metrics.set("fault", bool(parts.runner.fault))
        metrics.set("clock_jump_seconds", parts.clock.jump_ms / 1_000)
        late_ms = parts.clock.now_ms() - host.next_due_ms()
        metrics.set("wakes_late_seconds", max(late_ms, 0) / 1_000)
        halted = host.halted()
        for task, behind in host.lag().items():
            metrics.set("lag_records", behind, {"task": task})
            metrics.set("task_halted", task in halted, {"task": task})


_LOST: Final = OwnAlert(
    name=CANARY_LOST,
    severity="critical",
    description=(
        "An alert that Tocsin sent to itself has not arrived in time: alerts may not get through. "
        "`tocsin doctor` and /readyz say what is wrong."
    ),
)
