"""Alerts about Tocsin itself: appended to raw-alerts like anybody's, so that its own rules page.

Each ends by itself unless it is renewed, so that none outlives the process that raised it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from msgspec import Struct

from pipeline.domain.errors import StoreError
from pipeline.domain.store import Appender, Output
from pipeline.edge.accept import Delivery, record_of
from pipeline.observe.metrics import Metrics
from pipeline.stages.ingest import Draft, IngestConfig, draft_fingerprint

SOURCE: Final = "tocsin"
LASTS_MS: Final = 600_000
"""Without a renewal such an alert is over after so long."""

RENEWED_MS: Final = 180_000
"""One that still holds is said again after so long."""

APPEND_WITHIN_S: Final = 5.0
"""An append of our own that takes longer counts as refused: whoever waits for it must go on."""

RAISED_MAX: Final = 100
"""Different alerts that fire at once; further ones are only logged."""

_log: Final = structlog.get_logger("tocsin.upkeep")


class OwnAlert(Struct, frozen=True, kw_only=True):
    """One fact about ourselves; `labels` tell it from others of its name.

    By `trace_id` its receipts are known again ("": each record gets its own).
    """

    name: str
    severity: str
    description: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    trace_id: str = ""


class OwnAlerts:
    """Raises and takes back alerts; what cannot be appended now is tried at the next call."""

    def __init__(
        self,
        appender: Appender,
        now_ms: Callable[[], int],
        config: Callable[[], IngestConfig],
        metrics: Metrics,
    ) -> None:
        self._appender = appender
        self._now_ms = now_ms
        self._config = config
        self._metrics = metrics
        self._raised: dict[tuple[str, ...], tuple[OwnAlert, int, int]] = {}

    def firing(self, name: str) -> list[OwnAlert]:
        """The alerts of that name which fire now."""
        return [alert for alert, _, _ in self._raised.values() if alert.name == name]

    async def say(self, alert: OwnAlert, *, is_firing: bool) -> None:
        """Raise, renew or take back an alert; nothing happens where that was said already."""
        key = (alert.name, *(f"{name}={value}" for name, value in sorted(alert.labels.items())))
        now_ms = self._now_ms()
        _, since_ms, said_ms = self._raised.get(key, (alert, now_ms, 0))
        if is_firing:
            if now_ms - said_ms < RENEWED_MS:
                return
            if key not in self._raised:
                _log.warning(
                    "alert about ourselves",
                    alert=alert.name,
                    severity=alert.severity,
                    description=alert.description,
                    **alert.labels,
                )
                if len(self._raised) >= RAISED_MAX:
                    return
                self._raised[key] = (alert, since_ms, 0)
            if await offer(self._appender, [self._record(alert, since_ms, now_ms)]):
                self._raised[key] = (alert, since_ms, now_ms)
        elif key in self._raised and await offer(
            self._appender, [self._record(alert, since_ms, now_ms, is_over=True)]
        ):
            del self._raised[key]
            _log.info("alert about ourselves is over", alert=alert.name, **alert.labels)
        self._metrics.set("self_alerts", len(self.firing(alert.name)), {"name": alert.name})

    def _record(
        self, alert: OwnAlert, since_ms: int, now_ms: int, *, is_over: bool = False
    ) -> Output:
        draft = Draft(
            name=alert.name,
            status="resolved" if is_over else "firing",
            severity=alert.severity,
            source=SOURCE,
            service=SOURCE,
            description=alert.description,
            starts_at_ms=since_ms,
            ends_at_ms=now_ms if is_over else now_ms + LASTS_MS,
            labels=dict(alert.labels),
            annotations=dict(alert.annotations),
        )
        return own_record(draft, self._config(), alert.trace_id)


def own_record(draft: Draft, config: IngestConfig, trace_id: str = "") -> Output:
    """A draft of our own as a record of raw-alerts, keyed by its fingerprint."""
    draft.fingerprint = draft_fingerprint(draft, config)
    return record_of(draft, Delivery(source=SOURCE, trace_id=trace_id).headers(), config)


async def offer(appender: Appender, outputs: Sequence[Output]) -> bool:
    """Append, and say whether that was taken in time."""
    try:
        async with asyncio.timeout(APPEND_WITHIN_S):
            await appender.append(outputs)
    except (StoreError, TimeoutError):
        return False
    return True
