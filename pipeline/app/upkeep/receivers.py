"""The receiver watch: says when a receiver is left alone since it fails, and when it answers again.

That is seen by the breaker in the state of `send`. The alert goes by the routes like any other: it
reaches a person where another receiver is on the way, or once this one answers again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, Final

import structlog

from pipeline.app.upkeep.own_alerts import OwnAlert, OwnAlerts

NAME: Final = "TocsinReceiverDown"
DOWN_MS: Final = 120_000
"""A breaker that stays open for so long is an alert; before that it is a line in the log."""

_log: Final = structlog.get_logger("tocsin.upkeep")


class ReceiverWatch:
    """`take` is called in the runner's thread after commits, `run` on the loop.

    What it remembers is one instant for each receiver that fails.
    """

    def __init__(
        self, alerts: OwnAlerts, now_ms: Callable[[], int], declared: Callable[[], Container[str]]
    ) -> None:
        self._alerts = alerts
        self._now_ms = now_ms
        self._declared = declared
        self._open_since_ms: dict[str, int] = {}

    def take(self, _task: str, rows: Mapping[str, Any]) -> None:
        """Take in changed rows of the table `receivers`."""
        for receiver, row in rows.items():
            is_open = row is not None and row.open_until_ms > 0
            if is_open and receiver not in self._open_since_ms:
                self._open_since_ms[receiver] = self._now_ms()
                _log.warning("receiver fails", receiver=receiver, failures=row.failures)
            elif not is_open and self._open_since_ms.pop(receiver, None) is not None:
                _log.info("receiver answers again", receiver=receiver)

    async def run(self) -> None:
        """Raise an alert for each that has failed for long, and take back those that are over."""
        now_ms, declared = self._now_ms(), self._declared()
        down = {
            receiver
            for receiver, since_ms in self._open_since_ms.copy().items()
            if now_ms - since_ms >= DOWN_MS and receiver in declared
        }
        for receiver in sorted(down):
            await self._alerts.say(_alert(receiver), is_firing=True)
        for alert in self._alerts.firing(NAME):
            if alert.labels["receiver"] not in down:
                await self._alerts.say(alert, is_firing=False)


def _alert(receiver: str) -> OwnAlert:
    return OwnAlert(
        name=NAME,
        severity="critical",
        description=(
            f"The receiver {receiver} has taken nothing for {DOWN_MS // 60_000} minutes or more. "
            "What it is to be told waits in the outbox until it answers, and is given up after the "
            "receiver's `give_up`. `tocsin doctor` says what fails."
        ),
        labels={"receiver": receiver},
    )
