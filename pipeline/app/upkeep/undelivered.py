"""The undelivered watch: a page that no receiver will ever take is told to somebody.

Seen by receipts after their commit. Pages of this alert itself never raise it, or one receiver
that refuses everything would make each refusal the cause of the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from pipeline.app.upkeep.own_alerts import OwnAlert, OwnAlerts
from pipeline.domain.notification import DELIVERED, REFUSED, TRIGGER, Receipt

NAME: Final = "TocsinUndelivered"
TRACE_ID: Final = hashlib.sha256(NAME.encode()).hexdigest()[:32]
"""By this our own pages are known, also those that a former process raised."""

HOLDS_MS: Final = 600_000
"""The alert holds at least so long: a busy receiver delivers the next page at once, and what is
over as soon as it began nobody sees."""

FORGOTTEN_MS: Final = 86_400_000
"""After so long without a refusal it is over, also for a receiver that delivers nothing more."""

RECEIVERS_MAX: Final = 50
"""Receivers that are remembered; what further ones refuse is only in `tocsin doctor`."""


class _Refusal(Struct):
    alert: OwnAlert
    at_ms: int
    has_delivered: bool = False


class UndeliveredWatch:
    """At most one alert per receiver; it tells of the first page that was refused."""

    def __init__(self, alerts: OwnAlerts, now_ms: Callable[[], int]) -> None:
        self._alerts = alerts
        self._now_ms = now_ms
        self._refusals: dict[str, _Refusal] = {}

    def concerns(self, receipt: Receipt) -> bool:
        """Whether `take` would do something with it; safe from any thread."""
        if receipt.is_test or receipt.trace_id == TRACE_ID:
            return False
        if receipt.result == DELIVERED:
            return receipt.receiver in self._refusals
        return receipt.action == TRIGGER and receipt.result == REFUSED

    def take(self, receipts: Iterable[Receipt]) -> None:
        """Take in receipts that were committed, in their order."""
        for receipt in receipts:
            if self.concerns(receipt):
                self._take(receipt)

    def _take(self, receipt: Receipt) -> None:
        known = self._refusals.get(receipt.receiver)
        if receipt.result == DELIVERED:
            if known is not None:
                known.has_delivered = True
        elif known is not None:
            known.at_ms, known.has_delivered = self._now_ms(), False
        elif len(self._refusals) < RECEIVERS_MAX:
            self._refusals[receipt.receiver] = _Refusal(_alert(receipt), self._now_ms())

    async def run(self) -> None:
        """Raise what is to be said, and take back what is over."""
        now_ms = self._now_ms()
        for receiver, refusal in list(self._refusals.items()):
            lasts_ms = HOLDS_MS if refusal.has_delivered else FORGOTTEN_MS
            is_firing = now_ms - refusal.at_ms < lasts_ms
            await self._alerts.say(refusal.alert, is_firing=is_firing)
            if refusal.alert not in self._alerts.firing(NAME) and not is_firing:
                del self._refusals[receiver]


def _alert(receipt: Receipt) -> OwnAlert:
    return OwnAlert(
        name=NAME,
        severity="critical",
        description=(
            f"{receipt.receiver} was never told of incident {receipt.incident_id}: {receipt.why}. "
            "Look at that incident yourself; `tocsin doctor` counts what else did not arrive."
        ),
        labels={"receiver": receipt.receiver},
        annotations={"incident_id": receipt.incident_id, "why": receipt.why},
        trace_id=TRACE_ID,
    )
