"""KafkaEdge: the edge on Kafka, without agents: takes in alerts and commands, answers questions.

Any number of these stand side by side, each with a view of its own. An edge that cannot reach
Kafka says so in `/readyz` and answers 503; one whose view is behind goes on taking alerts, since
what it holds up otherwise are the alerts that it is behind for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import structlog
from msgspec import Struct

from pipeline.app.applied import check_applied
from pipeline.app.trial import try_receiver
from pipeline.domain.notification import Receipt
from pipeline.domain.secret import Secret
from pipeline.edge.deps import Deps
from pipeline.edge.view import View
from pipeline.edge.view.rows import FOLLOWED
from pipeline.hosts.clock import Clock
from pipeline.hosts.embedded.folder import Folder
from pipeline.hosts.faust.appender import KafkaAppender
from pipeline.hosts.faust.client.check import AIOKAFKA, check
from pipeline.hosts.faust.reader import KafkaLog
from pipeline.observe.metrics import Metrics
from pipeline.topology.apply.control import Control, read_control
from pipeline.topology.builtin import EDGE_WRITES
from pipeline.topology.declared import Topology
from pipeline.topology.desired import desired
from pipeline.wire.client import Client

VIEW: Final = "view.db"
"""The view's file in the data folder; it may be deleted, and is then built anew."""

WRITES: Final = EDGE_WRITES | {"dead-letters", "audit"}
"""Topics that the edge appends to."""

CLIENT: Final = "tocsin-edge"
"""By this name brokers know an edge, in their logs and for their quotas."""

APART_S: Final = 0.3
"""An incident may come so long after the audit record of the same commit."""

SILENT_S: Final = 10.0
"""A view that hears nothing of some partition for so long speaks against sending work here."""

BUILT_WITHIN_S: Final = 60.0
"""So long after the start an edge whose view is not built yet is not ready."""

_log: Final = structlog.get_logger("tocsin.app")


class OnKafka(Struct, frozen=True, kw_only=True):
    """Where and under which rules. `options` reach the cluster, `control` is what was applied."""

    topology: Topology
    options: Mapping[str, Any]
    control: Control
    folder: Folder
    events_url: str = ""


class KafkaEdge:
    """One running edge over one data folder. Raises Mismatch on another aiokafka than the one it
    was written against, UsageError where other rules were applied, and Busy where the folder is
    in use.
    """

    def __init__(self, where: OnKafka) -> None:
        check(AIOKAFKA)
        check_applied(where.topology, where.control)
        self.topology = where.topology
        self.folder = where.folder
        self._options = where.options
        self._events_url = where.events_url
        self._installation = where.control.installation
        self._is_built = False
        self.clock = Clock()
        self.metrics = Metrics()
        self.folder.acquire()

    async def start(self) -> None:
        """Connect, and begin to follow. Raises StoreError where that cannot be."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = Client()
        options = {**self._options, "client_id": CLIENT}
        self._appender = KafkaAppender(options, self._sizes(), self.clock.now_ms)
        self._reader = KafkaLog(options, list(FOLLOWED))
        self.view: View | None = None
        try:
            await asyncio.gather(self._appender.start(), self._reader.start())
            self.view = self._open_view()
        except BaseException:
            await self.stop()
            raise
        self._started_s = time.monotonic()
        self.metrics.on_render(self._sample)
        self._say("started")

    async def stop(self) -> None:
        """Answer who waits, and let go of the folder."""
        await self._appender.stop()
        if self.view is not None:
            await self.view.stop()
        await self._reader.stop()
        await self._client.close()
        self.folder.release()
        _log.info("stopped")

    async def reload(self, topology: Topology, _text: str) -> None:
        """Go on under other rules, if they are those that are applied now. How large a record of
        a topic may be stays as it was at the start. Raises UsageError, ClusterError.
        """
        check_applied(topology, await read_control(self._options, topology.app))
        self.topology = topology
        self._say("reloaded")

    def deps(self, token: Secret | None) -> Deps:
        """What the application at the front needs."""
        topology = self.topology
        return Deps(
            appender=self._appender,
            now_ms=self.clock.now_ms,
            ingest=topology.sections["ingest"],
            installation=self._installation,
            version=version("tocsin"),
            tenants={name: spec.tokens for name, spec in topology.tenants.items()},
            operator_token=token,
            readiness=self.complaints,
            metrics=self.metrics.render,
            count=self.metrics.count,
            view=self.view,
            topology=topology,
            try_receiver=self.try_receiver,
        )

    def complaints(self) -> list[str]:
        """What speaks against sending work here, as sentences."""
        found = [self._appender.fault]
        if self.view is not None:
            found.append(self.view.fault)
        if self._reader.fault:
            found.append(self._reader.fault)
        elif self._reader.silent_s() > SILENT_S:
            found.append(f"the view has heard nothing of Kafka for {self._reader.silent_s():.0f} s")
        elif not self._has_been_built():
            found.append(f"the view is being built: {self._reader.behind()} records to go")
        return [text for text in found if text]

    async def try_receiver(self, name: str) -> Receipt:
        """Tell one receiver something harmless, past rules and outbox."""
        return await try_receiver(
            self.topology,
            name,
            client=self._client,
            installation=self._installation,
            now_ms=self.clock.now_ms(),
            events_url=self._events_url,
        )

    def _has_been_built(self) -> bool:
        """Whether the view was complete once, or has had its time for that."""
        if not self._is_built:
            waited_s = time.monotonic() - self._started_s
            self._is_built = self._reader.behind() == 0 or waited_s > BUILT_WITHIN_S
        return self._is_built

    def _sizes(self) -> dict[str, int]:
        topics = desired(self.topology).topics
        return {name: int(topics[name].settings["max.message.bytes"]) for name in WRITES}

    def _open_view(self) -> View:
        topics = self.topology.topics
        view = View(
            self._reader,
            self.folder.path / VIEW,
            identity=f"{self._installation} {self._reader.identity}",
            retention_ms={name: self.topology.retention_ms(name) for name in topics},
            apart_s=APART_S,
        )
        self._reader.on_news = view.nudge
        view.start()
        return view

    def _sample(self) -> None:
        """What is only looked at when somebody asks for metrics."""
        complaints = self.complaints()
        self.metrics.set("ready", not complaints)
        self.metrics.set("complaints", len(complaints))
        self.metrics.set("fault", bool(self._appender.fault))
        self.metrics.set("lag_records", self._reader.behind(), {"task": "view"})
        self.metrics.set("view_lag_seconds", self._reader.behind_s())
        self.metrics.set("appends_waiting", self._appender.waiting)

    def _say(self, what: str) -> None:
        """Log a change of our own state, with which edge this is under which rules."""
        facts = {
            "version": version("tocsin"),
            "installation": self._installation,
            "topology": self.topology.hash,
        }
        self.metrics.clear("build_info")
        self.metrics.set("build_info", 1, facts)
        _log.info(what, **facts)
