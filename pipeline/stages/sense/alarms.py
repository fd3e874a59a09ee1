"""Alarms: what precedes what is counted as it comes, and told of an alarm where it is known.

What is told is read off the graph that was published last, so an incident names what the board
draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.ids import digest64
from pipeline.domain.incident import PRECEDED_MAX, Incident, Preceded
from pipeline.domain.precedence import GAP_MS_MAX, KeptPlace, Met, Precedes
from pipeline.domain.stage import Context
from pipeline.domain.units import Duration
from pipeline.stages.sense import reasons
from pipeline.stages.sense.graph import Published
from pipeline.stages.sense.neighbours import Neighbours
from pipeline.stages.sense.tables import ALARMS, PLACES

DAY_MS: Final = 86_400_000
PLACE: Final = "@"
"""A wake of a place has this before the hash."""

SECOND_MS: Final = 1_000


class Alarms:
    """The alarms of one task's scopes."""

    def __init__(self, precedes: Precedes, scope: tuple[str, ...]) -> None:
        self._precedes = precedes
        self._labels = scope
        self._neighbours = Neighbours()
        self.published = Published(precedes)

    def begins(
        self, key: str, name: str, alert: Alert, incident: Incident, at_ms: int, ctx: Context
    ) -> tuple[Preceded, ...]:
        """An alarm (`key` is that of its series) begins: what usually precedes it."""
        where = alert.service or alert.host
        if not where:
            return ()
        scope, _, alarm = key.partition("/")
        at_ms = alert.starts_at_ms if 0 <= at_ms - alert.starts_at_ms < DAY_MS else at_ms
        places, place_key = ctx.table(PLACES), _place_key(scope, where)
        before = places.get(place_key)
        near = self._near(scope, alert.service, incident, ctx)
        after, met = self._precedes.begins(before, near, alarm, at_ms)
        if after is before:
            return ()
        places.put(place_key, after)
        if before is None:
            ctx.wake_at(f"{scope}/{PLACE}{place_key[len(scope) + 1 :]}", ctx.now_ms + GAP_MS_MAX)
        alarms = ctx.table(ALARMS)
        day = ctx.now_ms // DAY_MS
        row = self._precedes.learned(alarms.get(key), name, met, day)
        alarms.put(key, row)
        if row.before:
            values = tuple([alert.text(label) for label in self._labels])
            self.published.changes(scope, incident.tenant, values, ctx)
        return self._known(scope, alarm, met, ctx)

    def wake_place(self, key: str, ctx: Context) -> None:
        """Forget what began at a place, once nothing can have to do with it any more."""
        scope, _, name = key.partition("/")
        places, place_key = ctx.table(PLACES), f"{scope}/{name[len(PLACE) :]}"
        place = places.get(place_key)
        if place is None:
            return
        due_ms = max(at_ms for _, at_ms in place.recent) + GAP_MS_MAX
        if ctx.now_ms < due_ms:
            ctx.wake_at(key, due_ms)
        else:
            places.delete(place_key)

    def _near(
        self, scope: str, service: str, incident: Incident, ctx: Context
    ) -> Iterator[KeptPlace | None]:
        """The places near one, read as they are asked for."""
        places = ctx.table(PLACES)
        if service:
            for each in self._neighbours.of(service, incident, ctx):
                yield places.get(_place_key(scope, each))

    def _known(
        self, scope: str, alarm: str, met: Iterable[Met], ctx: Context
    ) -> tuple[Preceded, ...]:
        causes = self.published.causes(scope, alarm, ctx)
        if not causes:
            return ()
        gaps = {each.alarm: each.gap_ms for each in met}
        return tuple(
            replace(told, before_ms=gaps[cause]) if cause in gaps else told
            for cause, told in causes
        )


def shown(incident: Incident, found: tuple[Preceded, ...]) -> Incident:
    """The incident with what usually precedes its alarms, the strongest PRECEDED_MAX."""
    known = {(each.cause, each.effect): each for each in incident.preceded_by}
    known |= {(each.cause, each.effect): each for each in found}
    ranked = sorted(known.values(), key=lambda each: (-each.strength, each.effect, each.cause))
    return replace(incident, preceded_by=tuple(ranked[:PRECEDED_MAX]))


def say(incident: Incident, found: Iterable[Preceded], ctx: Context) -> None:
    """Give the reason, once for each cause and effect on an incident."""
    said = {(each.cause, each.effect) for each in incident.preceded_by}
    for each in found:
        if (each.cause, each.effect) not in said:
            came = f"this time by {_span(each.before_ms)}"
            ctx.reason(
                reasons.PRECEDED,
                incident_id=incident.incident_id,
                cause=each.cause,
                effect=each.effect,
                usual=_span(each.usual_ms),
                now=came if each.before_ms >= 0 else "this time it did not come",
            )


def _place_key(scope: str, where: str) -> str:
    return f"{scope}/{digest64('place', where)}"


def _span(ms: int) -> str:
    """A gap as people say it."""
    return str(Duration(ms - ms % SECOND_MS)) if ms >= SECOND_MS else "less than a second"
