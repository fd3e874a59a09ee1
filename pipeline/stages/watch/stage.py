"""The stage `watch`: alerts that have to keep coming (Prometheus' Watchdog) page when they stop.

It stands before `correlate`. An alert that a heartbeat matches is a beat and by default ends here;
all others pass. Per heartbeat and scope it keeps when the last beat came and one lazy wake. A
heartbeat that never came is expected too, from the first alert without scope labels of the default
tenant on (the canary is one), so that a Watchdog nobody configured pages as well. What was due
while nobody looked is given its time again: after a restart the beats are still in the queue.

What never came is expected by one task alone, that of the default tenant's scope without labels.
The first beat of a scope may come to another: that one writes a record of it for the first to
`alerts`, which both read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.ids import scope_id
from pipeline.domain.matchers import EQUAL, Matcher, label_set, matches, parse_all
from pipeline.domain.reason import Reason
from pipeline.domain.record import DEFAULT_TENANT
from pipeline.domain.stage import Context, Event, TableSpec, before_slash
from pipeline.stages.watch import reasons
from pipeline.stages.watch.alarm import HEARD, LABEL, alarm, hearsay
from pipeline.stages.watch.config import Heartbeat
from pipeline.stages.watch.due import Turn, decide
from pipeline.stages.watch.tables import BEATS, ROLL, Beat, Roll

ALERTS: Final = "alerts"

_Watched = tuple[Heartbeat, tuple[Matcher, ...]]


class WatchStage:
    """Alert in; alerts and those about missing heartbeats out."""

    name = "watch"
    accepts: tuple[type[Event], ...] = (Alert,)
    tables: tuple[TableSpec[Any], ...] = (BEATS, ROLL)

    def __init__(self, heartbeats: Sequence[Heartbeat], scope: tuple[str, ...]) -> None:
        self._heartbeats = {each.name: each for each in heartbeats}
        self._scope = scope
        self._home = scope_id(DEFAULT_TENANT, [""] * len(scope))
        self._names = tuple(self._heartbeats)
        self._by_alert: dict[str, list[_Watched]] = {}
        self._others: list[_Watched] = []
        for each in heartbeats:
            matchers = parse_all(each.match)
            asked = [m.value for m in matchers if m.name == "alertname" and m.operator == EQUAL]
            place = self._by_alert.setdefault(asked[0], []) if asked else self._others
            place.append((each, matchers))

    def process(self, event: Alert, ctx: Context) -> None:
        """Pass an alert on, unless it is a beat that ends here."""
        if event.name == HEARD:
            self._hear(event.labels.get(LABEL, ""), ctx)
            return
        if not self._heartbeats:
            ctx.forward(event)
            return
        values = tuple([event.text(name) for name in self._scope])
        if not any(values) and ctx.origin.tenant == DEFAULT_TENANT:
            self._arm(ctx)
        found = [] if event.is_test else self._matching(event)
        for heartbeat in found:
            if event.is_firing:
                self._beat(heartbeat, values, ctx)
            else:
                ctx.reason(reasons.NO_BEAT, heartbeat=heartbeat.name)
        if all(heartbeat.forward for heartbeat in found):
            ctx.forward(event)

    def wake(self, key: str, ctx: Context) -> None:
        """Say whether a heartbeat is missing."""
        beat = ctx.table(BEATS).get(key)
        if beat is None:
            return
        name = key.partition("/")[2]
        heartbeat = self._heartbeats.get(name)
        turn, again_at_ms = decide(beat, heartbeat, ctx.timestamp_ms, ctx.now_ms)
        if turn is Turn.OVER:
            ctx.table(BEATS).delete(key)
            if beat.missing_since_ms:
                self._say(name, beat, ctx, reasons.FORGOTTEN, is_firing=False)
            return
        if turn is Turn.MISSING:
            beat = replace(beat, missing_since_ms=ctx.now_ms)
            ctx.table(BEATS).put(key, beat)
            self._say(name, beat, ctx, reasons.MISSING, is_firing=True)
        elif turn is Turn.EXCUSED:
            ctx.table(BEATS).put(key, replace(beat, since_ms=ctx.now_ms))
            ctx.reason(reasons.EXCUSED, heartbeat=name)
        ctx.wake_at(key, again_at_ms)

    def owner_of_wake(self, key: str) -> str:
        """The scope in which a heartbeat is missed."""
        return before_slash(key)

    def _matching(self, alert: Alert) -> list[Heartbeat]:
        named = self._by_alert.get(alert.labels.get("alertname", alert.name), ())
        if not named and not self._others:
            return []
        labels = label_set(alert)
        return [each for each, asked in (*named, *self._others) if matches(asked, labels)]

    def _beat(self, heartbeat: Heartbeat, values: tuple[str, ...], ctx: Context) -> None:
        """Heard of: remember when, take an alarm back, and let the placeholder go."""
        table = ctx.table(BEATS)
        scope = scope_id(ctx.origin.tenant, values)
        key = f"{scope}/{heartbeat.name}"
        before = table.get(key)
        table.put(key, Beat(values, ctx.now_ms))
        ctx.reason(reasons.BEAT, heartbeat=heartbeat.name)
        if before is None:
            ctx.wake_at(key, ctx.now_ms + heartbeat.within)
            self._tell(heartbeat.name, scope, ctx)
        elif before.missing_since_ms:
            self._say(heartbeat.name, before, ctx, reasons.BACK, is_firing=False)
            ctx.wake_at(key, ctx.now_ms + heartbeat.within)
        if scope != self._home:
            self._end_placeholder(heartbeat.name, ctx)

    def _tell(self, name: str, scope: str, ctx: Context) -> None:
        """Have the task that expects what never came know of a first beat."""
        if scope == self._home or ctx.table(ROLL).get(f"{self._home}/") is not None:
            self._hear(name, ctx)
        else:
            ctx.emit(ALERTS, self._home, hearsay(name, scope, ctx.now_ms))

    def _hear(self, name: str, ctx: Context) -> None:
        """Expect a heartbeat no more as one that never came; not even if that begins later."""
        if name not in self._heartbeats:
            return
        roll = ctx.table(ROLL).get(f"{self._home}/")
        known = () if roll is None else roll.names
        if name not in known:
            names = tuple(each for each in self._names if each == name or each in known)
            ctx.table(ROLL).put(f"{self._home}/", Roll(names))
        self._end_placeholder(name, ctx)

    def _end_placeholder(self, name: str, ctx: Context) -> None:
        key = f"{self._home}/{name}"
        home = ctx.table(BEATS).get(key)
        if home is not None and home.is_placeholder and not home.is_over:
            # Its own wake ends it, since that is for the tenant whose alarm it may be.
            ctx.table(BEATS).put(key, replace(home, is_over=True))

    def _arm(self, ctx: Context) -> None:
        """Expect the heartbeats that were declared since this was last looked at."""
        roll = ctx.table(ROLL).get(f"{self._home}/")
        known = () if roll is None else roll.names
        if known == self._names:
            return
        ctx.table(ROLL).put(f"{self._home}/", Roll(self._names))
        for name in self._names:
            key = f"{self._home}/{name}"
            if name not in known and ctx.table(BEATS).get(key) is None:
                values = ("",) * len(self._scope)
                ctx.table(BEATS).put(key, Beat(values, ctx.now_ms, is_placeholder=True))
                ctx.wake_at(key, ctx.now_ms + self._heartbeats[name].within)
                ctx.reason(reasons.ARMED, heartbeat=name)

    def _say(self, name: str, beat: Beat, ctx: Context, why: Reason, *, is_firing: bool) -> None:
        heartbeat = self._heartbeats.get(name)
        within = "" if heartbeat is None else str(heartbeat.within)
        ctx.reason(why, heartbeat=name, within=within)
        ctx.forward(alarm(name, heartbeat, beat, self._scope, ctx.now_ms, is_firing=is_firing))
