"""The stage `sense`: alerts of a scope are followed as series, and what is unusual is shown.

It stands behind `correlate`, so that what only repeats never comes here: nine alerts of ten cost
nothing. What begins is known by the incident, of which more alerts fire than before.
"""

from __future__ import annotations

import math
from typing import Any, Final
from zlib import crc32

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.ids import digest64
from pipeline.domain.incident import RATE, VALUE, Incident, Preceded, Unusual
from pipeline.domain.precedence import Precedes
from pipeline.domain.rate import Window
from pipeline.domain.series import SeriesDetector
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update, Wake, before_slash
from pipeline.stages.sense import alarms
from pipeline.stages.sense.alarms import PLACE, Alarms
from pipeline.stages.sense.config import Sense
from pipeline.stages.sense.follow import NOTHING, Follower
from pipeline.stages.sense.roster import enter, forget, forgets_at_ms
from pipeline.stages.sense.said import say, shown, unusual
from pipeline.stages.sense.tables import (
    ALARMS,
    GRAPHS,
    OPEN,
    PLACES,
    ROSTER,
    SERIES,
    OpenRow,
)

VALUES_WINDOW_MS: Final = 300_000
"""The window in which values are bounded where rates are not followed."""

OLD_MS: Final = 86_400_000
"""An alert that came longer ago, or is yet to come, has a wrong clock: it counts as of now."""

TEXT_CHARS_MAX: Final = 200


class SenseStage:
    """Owns `incident.unusual` and `incident.preceded_by`. Tests of the way are passed on unseen."""

    name = "sense"
    accepts = (Update,)
    tables: tuple[TableSpec[Any], ...] = (OPEN, SERIES, ROSTER, ALARMS, PLACES, GRAPHS)

    def __init__(
        self,
        config: Sense,
        detector: SeriesDetector | None,
        precedes: Precedes | None,
        scope: tuple[str, ...],
    ) -> None:
        self._follower: Follower | None = None
        if detector is not None and (config.window or config.values):
            self._follower = Follower(detector, int(config.window) or VALUES_WINDOW_MS)
        self._has_rates = config.window > 0
        self._has_values = config.values
        self._alarms: Alarms | None = None
        if precedes is not None and self._follower and self._has_rates and config.precedence:
            self._alarms = Alarms(precedes, scope)

    def process(self, event: Update, ctx: Context) -> None:
        """Pass an incident on, with what is unusual about the alert that began."""
        alert, incident = event.cause, event.incident
        if (
            self._follower is None
            or type(alert) is not Alert
            or alert.status != "firing"
            or not _begins(incident, ctx)
        ):
            ctx.forward(event)
            return
        found, causes = self._follow(self._follower, alert, incident, ctx)
        if found:
            for each in found:
                say(incident, each, ctx)
            incident = shown(incident, found)
        if causes:
            alarms.say(incident, causes, ctx)
            incident = alarms.shown(incident, causes)
        ctx.forward(event if incident is event.incident else Update(incident=incident, cause=alert))

    def wake(self, key: str, ctx: Context) -> None:
        """The window of a rate is over, or a series may have been quiet for long; a graph is to be
        made anew, or a place to be forgotten.
        """
        name = key.partition("/")[2]
        if name and not name.startswith(PLACE):
            self._wake_series(key, ctx)
        elif self._alarms is None:
            return
        elif name:
            self._alarms.wake_place(key, ctx)
        else:
            self._alarms.published.wake(key, ctx)

    def _wake_series(self, key: str, ctx: Context) -> None:
        row, follower = ctx.table(OPEN).get(key), self._follower
        if row is None:
            return
        if row.kind == RATE and row.window.count and follower is not None:
            row, reading = follower.close(key, row, ctx)
            ctx.table(OPEN).put(key, row)
            ctx.wake_at(key, max(forgets_at_ms(row), ctx.now_ms + 1))
            found = unusual(row, reading, follower.window_ms)
            if found is not None:
                _tell(key, row, found, ctx)
        elif ctx.now_ms < forgets_at_ms(row):
            ctx.wake_at(key, forgets_at_ms(row))
        else:
            if self._alarms is not None and row.kind == RATE:
                self._alarms.published.forgets(before_slash(key), ctx)
            forget(key, ctx)

    def owner_of_wake(self, key: str) -> str:
        """The scope of the series."""
        return before_slash(key)

    def _follow(
        self, follower: Follower, alert: Alert, incident: Incident, ctx: Context
    ) -> tuple[list[Unusual], tuple[Preceded, ...]]:
        at_ms = alert.received_at_ms or ctx.timestamp_ms
        if not ctx.now_ms - OLD_MS <= at_ms <= ctx.now_ms:
            at_ms = ctx.now_ms
        begins_ms = at_ms - at_ms % follower.window_ms
        found: list[Unusual | None] = []
        causes: tuple[Preceded, ...] = ()
        if self._has_rates:
            text = _text(alert.name, "on", alert.service)
            what = (alert.name, alert.service)
            key, row = self._entered(RATE, what, text, incident, begins_ms, ctx)
            if row is not None:
                found.append(self._count(follower, key, row, at_ms, ctx))
                if self._alarms is not None:
                    causes = self._alarms.begins(key, text, alert, incident, at_ms, ctx)
        if self._has_values and math.isfinite(alert.value):
            text = _text(alert.metric or f"the value of {alert.name}", "of", alert.service)
            what = (alert.metric or f"\x00{alert.name}", alert.service)
            key, row = self._entered(VALUE, what, text, incident, begins_ms, ctx)
            if row is not None:
                row, reading = follower.value(key, row, at_ms, alert.value, ctx)
                if reading is not NOTHING:
                    ctx.table(OPEN).put(key, row)
                    found.append(unusual(row, reading, 0))
        return [each for each in found if each is not None], causes

    def _entered(
        self,
        kind: str,
        what: tuple[str, str],
        text: str,
        incident: Incident,
        begins_ms: int,
        ctx: Context,
    ) -> tuple[str, OpenRow | None]:
        """The row of a series as its next alert finds it; None where there is no room for it."""
        incident_id = incident.incident_id
        key = f"{incident.scope_id}/{digest64(kind, *what)}"
        row = ctx.table(OPEN).get(key)
        if row is not None:
            same = row.incident_id == incident_id
            return key, row if same else replace(row, incident_id=incident_id)
        row = OpenRow(kind, text, Window(begins_ms, begins_ms, 0), incident_id=incident_id)
        if not enter(key, row, ctx):
            return key, None
        if kind == VALUE:
            ctx.wake_at(key, max(forgets_at_ms(row), ctx.now_ms + 1))
        return key, row

    def _count(
        self, follower: Follower, key: str, row: OpenRow, at_ms: int, ctx: Context
    ) -> Unusual | None:
        row, reading = follower.count(key, row, at_ms, ctx)
        if row.window.count == 1:
            over_ms = max(row.window.at_ms + follower.window_ms, ctx.now_ms)
            # Spread, so that what a storm began does not end all at once.
            ctx.wake_at(key, over_ms + crc32(key.encode()) % follower.window_ms)
        ctx.table(OPEN).put(key, row)
        return unusual(row, reading, follower.window_ms)


def _begins(incident: Incident, ctx: Context) -> bool:
    """Whether the alert that changed an incident was not firing before."""
    if incident.is_test or not incident.is_open:
        return False
    before = ctx.table(INCIDENTS).get(incident.incident_id)
    return before is None or incident.firing_count > before.firing_count


def _tell(key: str, row: OpenRow, found: Unusual, ctx: Context) -> None:
    """Show on its incident what a window came to that is over."""
    incident = ctx.table(INCIDENTS).get(row.incident_id)
    if incident is None or not incident.is_open:
        return
    after = shown(incident, [found])
    if after.unusual == incident.unusual:
        return
    say(incident, found, ctx)
    ctx.forward(Update(incident=after, cause=Wake(stage="sense", key=key, at_ms=ctx.timestamp_ms)))


def _text(what: str, link: str, service: str) -> str:
    return (f"{what} {link} {service}" if service else what)[:TEXT_CHARS_MAX]
