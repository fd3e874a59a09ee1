"""Troubles: what is wrong with us just now; each is logged when it begins and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from pipeline.app.upkeep.own_alerts import OwnAlert, OwnAlerts
from pipeline.hosts.embedded.clock import Clock
from pipeline.hosts.embedded.runner import Runner

HALTED: Final = "TocsinTaskHalted"
_TASK: Final = "task "

_log: Final = structlog.get_logger("tocsin.app")


def troubles(runner: Runner, clock: Clock) -> dict[str, str]:
    """What speaks against sending work here, by a word that stays the same while it lasts."""
    found = {
        f"{_TASK}{task}": f"{task} stopped: {why}" for task, why in runner.host.halted().items()
    }
    if runner.fault:
        found["fault"] = runner.fault
    if clock.jump_ms:
        found["clock"] = f"the wall clock jumped by {clock.jump_ms} ms: check it and restart"
    return found


class TroubleWatch:
    """Says each trouble once, and raises an alert for a task that stands still.

    The task that stands still may be the one that would page: therefore the log, readiness and
    the dead man's switch say it as well.
    """

    def __init__(self, look: Callable[[], Mapping[str, str]], alerts: OwnAlerts) -> None:
        self._look = look
        self._alerts = alerts
        self._known: dict[str, str] = {}

    async def run(self) -> None:
        """Look once."""
        found = dict(self._look())
        for word, text in found.items():
            if word not in self._known:
                _log.error("in trouble", trouble=word, why=text)
        for word in self._known:
            if word not in found:
                _log.info("recovered", trouble=word)
        self._known = found
        halted = {
            word.removeprefix(_TASK): text for word, text in found.items() if word.startswith(_TASK)
        }
        for task, text in halted.items():
            await self._alerts.say(_alert(task, text), is_firing=True)
        for alert in self._alerts.firing(HALTED):
            if alert.labels["task"] not in halted:
                await self._alerts.say(alert, is_firing=False)


def _alert(task: str, text: str) -> OwnAlert:
    return OwnAlert(
        name=HALTED,
        severity="critical",
        description=f"Nothing goes on there until this is repaired: {text}",
        labels={"task": task},
    )
