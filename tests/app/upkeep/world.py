"""A story's world as upkeep sees it: an appender, a clock and receipts, all on virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.app.upkeep.canary import CanaryWatch
from pipeline.app.upkeep.measures import Measures
from pipeline.app.upkeep.own_alerts import OwnAlerts
from pipeline.domain.errors import Busy
from pipeline.domain.store import Output
from pipeline.observe.metrics import Metrics
from pipeline.sinks.canary import RECEIVER
from tests.stories.player import Player


class World(Player):
    """A Player whose commits are measured. While `is_full`, it takes no appends of ours."""

    def __init__(self, story: Mapping[str, Any] | None = None) -> None:
        super().__init__(story or {})
        self.metrics = Metrics()
        self.is_full = False
        self.measures = Measures(self.metrics)
        self.driver.host.listeners.append(self.measures.commit)
        self.driver.host.watch("outbox", self.measures.outbox)
        self.driver.host.watch("receivers", self.measures.receivers)
        self.ingest = self.topology.sections["ingest"]
        self.canary = CanaryWatch(self.metrics)
        self.alerts = OwnAlerts(self, self.now_ms, lambda: self.ingest, self.metrics)

    def now_ms(self) -> int:
        """The virtual time."""
        return self.driver.now_ms

    async def append(self, outputs: Iterable[Output]) -> Sequence[tuple[str, int, int]]:
        """Append as a Runner does."""
        if self.is_full:
            raise Busy("the disk is full")
        self.driver.append(list(outputs))
        return []

    def fly(self) -> None:
        """Send a canary, and resolve it if it has arrived."""
        self.driver.append([self.canary.send(self.now_ms(), self.ingest)])
        self.land()

    def land(self) -> None:
        """Take the receipts that came since the last call."""
        for receipt in self.driver.read("receipts"):
            resolved = self.canary.take(receipt, self.now_ms(), self.ingest)
            if resolved is not None:
                self.driver.append([resolved])

    def pages_of_others(self) -> list[str]:
        """The pages since the last call, without those of the canary's own receiver."""
        pages, self.pages = self.pages, []
        return [page for page in pages if f" {RECEIVER}: " not in page]
