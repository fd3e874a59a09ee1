"""Embedded: the whole of Tocsin in one process, started and stopped as one.

The runner's thread decides and commits; the event loop takes requests and calls receivers.
Whatever ends on its own ends the process: a half of Tocsin must not go on alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import structlog

from pipeline import registry
from pipeline.app import compose, learning
from pipeline.app.trial import try_receiver
from pipeline.app.upkeep.measures import Measures
from pipeline.app.upkeep.upkeep import Parts, Upkeep
from pipeline.domain.call import CallResult
from pipeline.domain.notification import Receipt
from pipeline.domain.secret import Secret
from pipeline.domain.wiring import Wiring
from pipeline.edge.deps import Deps
from pipeline.edge.view import View
from pipeline.hosts.clock import Clock
from pipeline.hosts.embedded import rules
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.folder import Folder, installation
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.hosts.embedded.place import Place
from pipeline.hosts.embedded.reader import LogReader
from pipeline.hosts.embedded.retention import Retention
from pipeline.hosts.embedded.runner import Runner
from pipeline.observe.metrics import Metrics
from pipeline.stages.send.tables import CALLING, OUTBOX, Entry
from pipeline.topology.declared import Topology
from pipeline.wire.client import Client
from pipeline.wire.loop import DeliveryLoop

VIEW: Final = "view.db"
"""The view's file in the data folder; it may be deleted, and is then built anew."""

STOP_WITHIN_S: Final = 6.0
"""Calls under way when Tocsin stops get so long to end: one call's deadline and a little."""

LOAD_AFTER_S: Final = 2.0
"""By then it is ready, and what learning needs is loaded beside the first alerts."""

_log: Final = structlog.get_logger("tocsin.app")


class Embedded:
    """One running Tocsin over one data folder (None: everything in memory, and no view).

    `text` is the file that `topology` was loaded from: it is kept, so that what it decided can
    be replayed ("": it cannot).
    """

    def __init__(
        self,
        topology: Topology,
        folder: Folder | None,
        *,
        text: str = "",
        events_url: str = "",
        is_dry: bool = False,
    ) -> None:
        self.topology = topology
        self.folder = folder
        self.clock = Clock()
        self.metrics = Metrics()
        self._measures = Measures(self.metrics)
        self._events_url = events_url
        self._slot = compose.new_slot(is_dry=is_dry)
        if folder is not None:
            folder.acquire()
        try:
            self.connection = connect(folder.database if folder else ":memory:")
            self._place = Place(folder.database) if folder else None
            self.installation = installation(self.connection)
            if text:
                rules.keep(self.connection, topology.hash, text)
            types = compose.event_types(topology)
            self.host = EmbeddedHost(
                self.connection,
                compose.agents(topology, self._wires(topology)),
                topics=types,
                globals_={name: types[name] for name in compose.global_topics(topology)},
                now_ms=self.clock.now_ms,
            )
            self.clock.not_before(self.host.last_ms)
        except BaseException:
            self._let_go()
            raise

    async def start(self) -> None:
        """Begin to run epochs and to call receivers."""
        self._loop = asyncio.get_running_loop()
        self._reloading = asyncio.Lock()
        self.runner = Runner(self.host, self.clock.now_ms, self._place)
        self._client = Client()
        # The last one takes new calls; those before it end what they began before a reload.
        self._deliveries = [self._delivery_loop(self.topology)]
        self.host.watch(OUTBOX.name, self._committed_calls)
        self.view = self._open_view()
        self._upkeep = Upkeep(self._parts(), self.topology)
        self.runner.start()
        self._upkeep.start()
        if compose.is_learning(task.agent for task in self.host.tasks()):
            self._loop.call_later(LOAD_AFTER_S, learning.load_aside)
        self._say("started")

    async def stop(self) -> None:
        """Let calls under way end, commit what they brought back, and let go of the folder."""
        await self._upkeep.stop()
        for delivery in self._deliveries:
            await delivery.idle(STOP_WITHIN_S)
            await delivery.cancel_all()
        await self.runner.stop()
        await self._client.close()
        if self.view is not None:
            await self.view.stop()
        self.connection.close()
        self._let_go()
        self._say("stopped")

    async def reload(self, topology: Topology, text: str) -> None:
        """Go on under other rules from the next epoch; calls under way end under the old ones."""
        async with self._reloading:
            agents = compose.agents(topology, self._wires(topology))
            delivery = self._delivery_loop(topology)

            def replace_agents() -> None:
                rules.keep(self.connection, topology.hash, text)
                self.host.replace_agents(agents)
                # Calls of the next commit come to the event loop by the same way, after this.
                self._loop.call_soon_threadsafe(self._go_by, topology, delivery)

            await self.runner.between_epochs(replace_agents)
            await self._upkeep.follow(topology)
            self._say("reloaded")

    async def try_receiver(self, name: str) -> Receipt:
        """Tell one receiver something harmless, past rules and outbox."""
        return await try_receiver(
            self.topology,
            name,
            client=self._client,
            installation=self.installation,
            now_ms=self.clock.now_ms(),
            events_url=self._events_url,
        )

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the runner's thread has ended; with its error if it failed."""
        return self.runner.ended

    def deps(self, token: Secret | None) -> Deps:
        """What the application at the front needs, under the rules of this moment."""
        topology = self.topology
        return Deps(
            appender=self.runner,
            now_ms=self.clock.now_ms,
            ingest=topology.sections["ingest"],
            installation=self.installation,
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
        """What speaks against sending work here now; empty: ready."""
        return self._upkeep.complaints()

    def _parts(self) -> Parts:
        return Parts(
            runner=self.runner,
            clock=self.clock,
            client=self._client,
            retention=lambda keeping: Retention(self.connection, self.host.log, keeping),
            folder=self.folder,
            metrics=self.metrics,
            measures=self._measures,
            is_dry=self._slot.startswith(compose.DRY),
        )

    def _say(self, what: str) -> None:
        """Log a change of our own state, with which Tocsin this is under which rules."""
        facts = {
            "version": version("tocsin"),
            "installation": self.installation,
            "topology": self.topology.hash,
        }
        self.metrics.clear("build_info")
        self.metrics.set("build_info", 1, facts)
        _log.info(what, **facts)

    def _open_view(self) -> View | None:
        if self.folder is None:
            return None
        topics = self.topology.topics
        view = View(
            LogReader(self.folder.database, self.host.log),
            self.folder.path / VIEW,
            identity=self.installation,
            retention_ms={name: self.topology.retention_ms(name) for name in topics},
        )
        self.runner.on_commit(view.nudge)
        view.start()
        return view

    def _wires(self, topology: Topology) -> Wiring:
        return compose.wiring(
            topology, self.installation, slot=self._slot, events_url=self._events_url
        )

    def _delivery_loop(self, topology: Topology) -> DeliveryLoop:
        wires = self._wires(topology)
        return DeliveryLoop(
            self._client,
            registry.sinks(),
            wires.sections["receivers"],
            self.installation,
            self._take_back,
        )

    def _go_by(self, topology: Topology, delivery: DeliveryLoop) -> None:
        self.topology = topology
        busy = [delivery for delivery in self._deliveries if delivery.count]
        self._deliveries = [*busy, delivery]

    def _take_back(self, result: CallResult) -> None:
        self._measures.call(result)
        self.runner.inject(self.host.owner(OUTBOX.name), result)

    def _committed_calls(self, _task: str, rows: Mapping[str, Any]) -> None:
        """Called in the runner's thread after a commit: perform the calls that it holds."""
        calls = [row for row in rows.values() if self._is_ours(row)]
        if calls:
            self._loop.call_soon_threadsafe(self._start_calls, calls)

    def _is_ours(self, entry: Entry | None) -> bool:
        """Calls of a former run are the stage's to repeat, when their deadline has passed."""
        return entry is not None and entry.state == CALLING and entry.slot == self._slot

    def _start_calls(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._deliveries[-1].start(entry)

    def _let_go(self) -> None:
        if self.folder is not None:
            self.folder.release()
