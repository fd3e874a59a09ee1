"""The canary: an alert of our own that goes the whole way, and what it means when it does not.

Appended to raw-alerts as anybody's alert, it is ingested, grouped, routed, put into the outbox and
called; its receipt, found again by its trace id, proves each of these steps. A class of pure turns:
the clock and the appending are the caller's, so that stories play it on a virtual clock.
"""

from __future__ import annotations

import secrets
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.app.compose import CANARY
from pipeline.app.upkeep.own_alerts import LASTS_MS, SOURCE, own_record
from pipeline.domain.notification import DELIVERED, TRIGGER, Receipt
from pipeline.domain.store import Output
from pipeline.observe.metrics import Metrics
from pipeline.sinks.canary import RECEIVER
from pipeline.stages.ingest import Draft, IngestConfig

FLYING_MAX: Final = 100
"""Canaries that are waited for; the oldest is forgotten, long after it counted as lost."""


class _Flight(Struct):
    sent_at_ms: int
    draft: Draft
    is_lost: bool = False


class CanaryWatch:
    """Sends canaries and knows which have arrived. `is_lost`: the last that is due has not."""

    def __init__(self, metrics: Metrics, *, is_dry: bool = False) -> None:
        self._metrics = metrics
        self._is_dry = is_dry
        self._flying: dict[str, _Flight] = {}
        self._sent_at_ms = 0
        self.is_lost = False
        self.lost_since_ms = 0

    def is_due(self, now_ms: int, every_ms: int) -> bool:
        """Whether the next one is to be sent; `every_ms` 0: none ever is."""
        return every_ms > 0 and (not self._sent_at_ms or now_ms - self._sent_at_ms >= every_ms)

    def send(self, now_ms: int, config: IngestConfig) -> Output:
        """The next canary as a record for raw-alerts. It is waited for from now on, whether or
        not it can be appended.
        """
        run = secrets.token_hex(8)
        trace_id = secrets.token_hex(16)
        draft = Draft(
            name=CANARY,
            status="firing",
            source=SOURCE,
            description="Tocsin proves that an alert gets through. Nobody is told of it.",
            starts_at_ms=now_ms,
            ends_at_ms=now_ms + LASTS_MS,
            labels={"canary": run},
            group_key=f"{CANARY}/{run}",
            is_test=True,
        )
        while len(self._flying) >= FLYING_MAX:
            self._flying.pop(next(iter(self._flying)))
        self._flying[trace_id] = _Flight(now_ms, draft)
        self._sent_at_ms = now_ms
        return own_record(draft, config, trace_id)

    def take(self, receipt: Receipt, now_ms: int, config: IngestConfig) -> Output | None:
        """A receipt was committed: of one of ours, the record that resolves it."""
        if receipt.receiver != RECEIVER or receipt.action != TRIGGER:
            return None
        # In a dry run the way ends at the outbox, which says so by another result.
        if receipt.result != DELIVERED and not self._is_dry:
            return None
        flight = self._flying.pop(receipt.trace_id, None)
        if flight is None:
            return None
        self.is_lost = False
        self._metrics.count("canaries", 1, {"result": "arrived"})
        self._metrics.observe("canary_seconds", (now_ms - flight.sent_at_ms) / 1_000)
        self._metrics.set("canary_last_success_timestamp_seconds", now_ms / 1_000)
        draft = replace(flight.draft, status="resolved", ends_at_ms=now_ms)
        return own_record(draft, config, receipt.trace_id)

    def check(self, now_ms: int, within_ms: int) -> None:
        """Count those that are overdue as lost, each once."""
        for flight in self._flying.values():
            if not flight.is_lost and now_ms - flight.sent_at_ms > within_ms:
                flight.is_lost = True
                self._metrics.count("canaries", 1, {"result": "lost"})
                if not self.is_lost:
                    self.is_lost = True
                    self.lost_since_ms = flight.sent_at_ms

    def forget(self) -> None:
        """No more canaries are sent: none is missing."""
        self._flying.clear()
        self.is_lost = False
