"""Alerts that the edge raises about itself, where a sender would drop what it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pipeline.domain.errors import StoreError
from pipeline.domain.record import DEFAULT_TENANT
from pipeline.domain.store import Appender
from pipeline.edge.accept import Delivery, record_of
from pipeline.stages.ingest import Draft, IngestConfig, draft_fingerprint

SOURCE: Final = "tocsin"
LASTS_MS: Final = 600_000
"""Without a repetition such an alert is over after so long."""

REASONS_MAX: Final = 100
"""Reasons remembered for the rate; at the limit all are forgotten."""


class SelfAlerts:
    """Raises alerts in the background; what cannot be appended is dropped, for the log is then
    out of order and `/readyz` says so.
    """

    def __init__(
        self, appender: Appender, now_ms: Callable[[], int], config: IngestConfig, every_ms: int
    ) -> None:
        self._appender = appender
        self._now_ms = now_ms
        self._config = config
        self._every_ms = every_ms
        self._last_at_ms: dict[str, int] = {}
        self._running: set[asyncio.Task[None]] = set()

    def fire(self, reason: str, where: str, detail: str) -> None:
        """Raise the alert `TocsinRefusedAlerts`, unless that was just done for this reason."""
        now_ms = self._now_ms()
        key = f"{reason} {where}"
        last_at_ms = self._last_at_ms.get(key)
        if last_at_ms is not None and now_ms - last_at_ms < self._every_ms:
            return
        if len(self._last_at_ms) >= REASONS_MAX:
            self._last_at_ms.clear()
        self._last_at_ms[key] = now_ms
        draft = Draft(
            name="TocsinRefusedAlerts",
            status="firing",
            severity="error",
            source=SOURCE,
            service=SOURCE,
            description=f"Tocsin answered {where} with 503: {detail}",
            starts_at_ms=now_ms,
            ends_at_ms=now_ms + LASTS_MS,
            labels={"reason": reason, "path": where},
        )
        draft.fingerprint = draft_fingerprint(draft, self._config)
        task = asyncio.get_running_loop().create_task(self._append(draft))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _append(self, draft: Draft) -> None:
        delivery = Delivery(tenant=DEFAULT_TENANT, source=SOURCE)
        try:
            await self._appender.append([record_of(draft, delivery.headers(), self._config)])
        except StoreError:
            self._last_at_ms.clear()
