"""Troubles: what is wrong with us just now; each is logged when it begins and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from pipeline.app.upkeep.own_alerts import OwnAlert, OwnAlerts
from pipeline.hosts.clock import JUMP_MS_MAX, Clock
from pipeline.hosts.embedded.runner import Runner

HALTED: Final = "TocsinTaskHalted"
_TASK: Final = "task "
_UNITS: Final = (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000))

_log: Final = structlog.get_logger("tocsin.app")


def troubles(runner: Runner, clock: Clock) -> dict[str, str]:
    """What speaks against sending work here, by a word that stays the same while it lasts."""
    found = {
        f"{_TASK}{task}": f"{task} stopped: {why}" for task, why in runner.host.halted().items()
    }
    if runner.fault:
        found["fault"] = runner.fault
    found.update(_clock(clock.jump_ms, clock.behind_ms))
    return found


def _clock(jump_ms: int, behind_ms: int) -> dict[str, str]:
    if behind_ms and abs(jump_ms) <= JUMP_MS_MAX:
        return {
            "clock": f"the wall clock was put right by {span(behind_ms)} while Tocsin ran, and is"
            " not followed: restart Tocsin"
        }
    found = {}
    if behind_ms:
        found["clock-behind"] = (
            f"the wall clock is {span(behind_ms)} behind what this folder has seen; timers run at"
            " half speed until it catches up: check the clock, and restart Tocsin once it is right."
            " If it is right now, this folder was written under a wrong one: restore a backup from"
            " before that"
        )
    set_by_ms = jump_ms + behind_ms
    if abs(set_by_ms) > JUMP_MS_MAX:
        found["clock"] = (
            f"the wall clock was set {'forward' if set_by_ms > 0 else 'back'} by"
            f" {span(abs(set_by_ms))} while Tocsin ran, and is not followed: check the clock, and"
            " restart Tocsin once it is right"
        )
    return found


def span(ms: int) -> str:
    """A length of time as people say it, in the largest unit of which there are at least two."""
    for unit, unit_ms in _UNITS:
        if ms >= 2 * unit_ms:
            return f"{round(ms / unit_ms)} {unit}"
    return f"{round(ms / 1_000)} seconds"


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
