"""The alert of our own: when it begins and ends, and how many there may be in a day."""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec.structs import replace

from pipeline.domain.foresight import HORIZON_MS
from pipeline.domain.stage import INCIDENTS, Context
from pipeline.stages.foresee import reasons
from pipeline.stages.foresee.alarm import alarm
from pipeline.stages.foresee.around import team
from pipeline.stages.foresee.config import Foresee
from pipeline.stages.foresee.tables import SCOPES, ScopeRow, ServiceRow

ALERTS: Final = "alerts"
DAY_MS: Final = 86_400_000

FALLEN_SHARE: Final = 0.5
"""It ends when the chance is below this share of where it begins, so that it does not flap."""


class Telling(Enum):
    """What becomes of a service's own alert."""

    NOTHING = "nothing"
    BEGINS = "begins"
    SPARED = "spared"
    CAME = "came"
    FELL = "fell"
    PASSED = "passed"


ENDINGS: Final = {
    Telling.CAME: reasons.CAME,
    Telling.FELL: reasons.FELL,
    Telling.PASSED: reasons.PASSED,
}


def decide(
    row: ServiceRow, config: Foresee, today_count: int, now_ms: int, *, has_incident: bool
) -> Telling:
    """`row` with the last answer (a chance of -1: none); `today_count` is how many of the scope's
    own alerts began within a day, `has_incident` whether the service has one already. Pure.
    """
    chance, page_at = row.risk.chance, config.page_at
    if row.told_at_ms:
        if row.counts.incident_at_ms >= row.told_at_ms:
            return Telling.CAME
        if now_ms >= row.told_at_ms + HORIZON_MS:
            return Telling.PASSED
        is_fallen = page_at is None or chance < page_at * FALLEN_SHARE
        return Telling.FELL if is_fallen else Telling.NOTHING
    if page_at is None or chance < page_at or has_incident or now_ms < row.silent_until_ms:
        return Telling.NOTHING
    return Telling.BEGINS if today_count < config.per_day else Telling.SPARED


class Teller:
    """Emits the alerts to `alerts`, as from any sender: rules group them, routes lead them."""

    def __init__(self, config: Foresee, scope: tuple[str, ...]) -> None:
        self._config = config
        self._scope = scope

    def tell(self, scope: str, service: str, row: ServiceRow, ctx: Context) -> ServiceRow:
        """Begin or end a service's own alert where that is due; the row as it is then."""
        if self._config.page_at is None and not row.told_at_ms:
            return row
        known = ctx.table(SCOPES).get(f"{scope}/") or ScopeRow()
        today = tuple([each for each in known.told_at_ms if each > ctx.now_ms - DAY_MS])
        has = any(_is_open(each, ctx) for each in row.had)
        found = decide(row, self._config, len(today), ctx.now_ms, has_incident=has)
        chance = f"{max(row.risk.chance, 0.0):.0%}"
        if found is Telling.NOTHING:
            return row
        if found in ENDINGS:
            ctx.reason(ENDINGS[found], service=service, chance=chance)
            return self.end(scope, service, row, ctx)
        silent_until_ms = ctx.now_ms + HORIZON_MS
        if found is Telling.SPARED:
            ctx.reason(reasons.SPARED, service=service, chance=chance, most=self._config.per_day)
            return replace(row, silent_until_ms=silent_until_ms)
        ctx.reason(reasons.TOLD, service=service, chance=chance)
        ctx.table(SCOPES).put(f"{scope}/", replace(known, told_at_ms=(*today, ctx.now_ms)))
        row = replace(row, told_at_ms=ctx.now_ms, silent_until_ms=silent_until_ms)
        self._emit(scope, service, row, ctx, is_firing=True)
        return row

    def end(self, scope: str, service: str, row: ServiceRow, ctx: Context) -> ServiceRow:
        """End a service's own alert, where one fires."""
        if not row.told_at_ms:
            return row
        self._emit(scope, service, row, ctx, is_firing=False)
        return replace(row, told_at_ms=0)

    def _emit(
        self, scope: str, service: str, row: ServiceRow, ctx: Context, *, is_firing: bool
    ) -> None:
        known = ctx.table(SCOPES).get(f"{scope}/") or ScopeRow()
        place = dict(zip(self._scope, known.values, strict=False))
        owner = team(service, ctx)
        made = alarm(
            service, owner, place, row.risk, row.told_at_ms, ctx.now_ms, is_firing=is_firing
        )
        ctx.emit(ALERTS, scope, made)


def _is_open(incident_id: str, ctx: Context) -> bool:
    incident = ctx.table(INCIDENTS).get(incident_id)
    return incident is not None and incident.is_open
