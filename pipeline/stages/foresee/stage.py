"""The stage `foresee`: how likely each service is to have an incident within half an hour.

Alerts that begin to fire are counted per service. A service where that happened lately, or that
needs one where it did, is asked about every STEP_MS by a wake; what was answered waits until it
has turned out, and is an outcome then. The risk is shown on the service's open incidents when it
has moved; an alert of its own says it only where `page_at` asks for that.
"""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

from msgspec.structs import replace

from pipeline.domain.alert import Alert, severity_rank
from pipeline.domain.foresight import HORIZON_MS, MINUTE_MS, NEVER, STEP_MS, alerted, opened
from pipeline.domain.incident import Incident, Risk
from pipeline.domain.outcome import FORESIGHT
from pipeline.domain.sharing import Models
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update, Wake, before_slash
from pipeline.domain.wiring import Learning
from pipeline.stages.foresee import reasons
from pipeline.stages.foresee.around import Around
from pipeline.stages.foresee.asking import Asking
from pipeline.stages.foresee.config import Foresee
from pipeline.stages.foresee.happened import Happened, happened, remembered
from pipeline.stages.foresee.tables import SCOPES, SERVICES, ScopeRow, ServiceRow, service_key
from pipeline.stages.foresee.telling import Teller
from pipeline.stages.foresee.waiting import came, settled

ACTIVE_MS: Final = 3_600_000
"""So long after an alert a service is asked about."""

FORGET_MS: Final = 14 * 86_400_000
"""A service that was quiet for so long is forgotten: its counts have faded."""

SERVICES_MAX: Final = 10_000
"""Services of one scope; further ones are not counted, with a reason."""

SHOWN_STEP: Final = 0.1
"""By so much a chance has to have moved before an incident is written anew for it."""

LATE_MS: Final = 10_000
"""A wake later than this says that nobody was looking: incidents may be yet to be read."""


class ForeseeStage:
    """Owns `incident.risk`; emits outcomes, and alerts of its own where that is asked for."""

    name = "foresee"
    accepts = (Update,)
    tables: tuple[TableSpec[Any], ...] = (SERVICES, SCOPES)

    def __init__(
        self,
        config: Foresee,
        models: Models,
        learning: Learning | None,
        scope: tuple[str, ...],
    ) -> None:
        kind = None if learning is None else learning.kinds.get(FORESIGHT)
        is_on = kind is not None and learning is not None and config.severities
        self._asking = Asking(kind, models, learning) if is_on and kind and learning else None
        self._severities = frozenset(config.severities)
        self._scope = scope
        self._teller = Teller(config, scope)
        self._around = Around()

    def process(self, event: Update, ctx: Context) -> None:
        """Count what an alert says of its service, and show the risk of the incident's."""
        alert, incident = event.cause, event.incident
        if self._asking is None or not isinstance(alert, Alert):
            ctx.forward(event)
            return
        key = service_key(incident.scope_id, alert.service)
        row = ctx.table(SERVICES).get(key)
        before = ctx.table(INCIDENTS).get(incident.incident_id)
        had = () if row is None else row.had
        found = happened(before, incident, alert, had, self._severities)
        if found.is_begun or found.is_incident:
            row = row or self._new(alert, incident, ctx)
            if row is not None:
                row = self._counted(row, key, alert, incident, found, self._asking, ctx)
        if alert.service != incident.service:
            row = ctx.table(SERVICES).get(service_key(incident.scope_id, incident.service))
        if row is not None and row.risk.chance >= 0 and incident.is_open:
            event = Update(incident=replace(incident, risk=row.risk), cause=alert)
        ctx.forward(event)

    def wake(self, key: str, ctx: Context) -> None:
        """Look at a service again: what turned out, what is to be foreseen, what is to be told."""
        row = ctx.table(SERVICES).get(key)
        if row is None:
            return
        scope, _, service = key.partition("/")
        if self._asking is None:
            self._show(key, service, replace(row, risk=Risk()), ctx)
            self._forget(key, row, ctx)
            return
        is_late = ctx.now_ms - ctx.timestamp_ms > LATE_MS
        if is_late and row.waiting:
            ctx.reason(reasons.EXCUSED)
            row = replace(row, waiting=())
        waiting, harmless = settled(row.waiting, ctx.now_ms)
        self._asking.harmless(harmless, ctx)
        row = replace(row, waiting=waiting)
        if ctx.now_ms >= row.asked_until_ms:
            row = replace(row, risk=Risk())
        elif not is_late:
            row = self._asking.ask(scope, service, row, ctx)
        row = self._teller.tell(scope, service, row, ctx)
        row = replace(row, shown_on=self._show(key, service, row, ctx))
        due_at_ms = _due_at_ms(key, row, ctx.now_ms)
        if not due_at_ms:
            self._forget(key, row, ctx)
            return
        ctx.wake_at(key, due_at_ms)
        ctx.table(SERVICES).put(key, replace(row, wake_at_ms=due_at_ms))

    def owner_of_wake(self, key: str) -> str:
        """The scope of the service that is looked at."""
        return before_slash(key)

    def _new(self, alert: Alert, incident: Incident, ctx: Context) -> ServiceRow | None:
        """A row for a service; None where its scope has as many as it may have."""
        table, key = ctx.table(SCOPES), f"{incident.scope_id}/"
        scope = table.get(key) or ScopeRow(tuple([alert.text(name) for name in self._scope]))
        if scope.services_count >= SERVICES_MAX:
            ctx.reason(reasons.FULL, most=SERVICES_MAX)
            return None
        table.put(key, replace(scope, services_count=scope.services_count + 1))
        return ServiceRow()

    def _counted(
        self,
        row: ServiceRow,
        key: str,
        alert: Alert,
        incident: Incident,
        found: Happened,
        asking: Asking,
        ctx: Context,
    ) -> ServiceRow:
        """Count what happened at a service; the row, which is kept."""
        at_ms = min(ctx.timestamp_ms or ctx.now_ms, ctx.now_ms)
        former_ms, counts = row.counts.alert_at_ms, row.counts
        if found.is_begun:
            counts = alerted(counts, alert.name, severity_rank(alert.severity), at_ms)
        if found.is_incident:
            waiting, foretold, harmless = came(row.waiting, at_ms)
            asking.harmless(harmless, ctx)
            asking.foretold(foretold, incident.incident_id, ctx)
            counts = opened(counts, at_ms)
            had = remembered(row.had, incident.incident_id)
            row = replace(row, waiting=waiting, had=had)
        if alert.service == incident.service:
            row = replace(row, shown_on=remembered(row.shown_on, incident.incident_id))
        row = replace(row, counts=counts)
        if found.is_incident and row.told_at_ms:
            row = self._teller.tell(incident.scope_id, alert.service, row, ctx)
        row = _awake(key, row, ctx)
        ctx.table(SERVICES).put(key, row)
        if former_ms == NEVER or at_ms - former_ms >= STEP_MS:
            self._wake_dependents(incident.scope_id, alert.service, ctx)
        return row

    def _wake_dependents(self, scope: str, service: str, ctx: Context) -> None:
        """Ask also about the services that need this one and are known in the scope."""
        table = ctx.table(SERVICES)
        for each in self._around.dependents(service, ctx):
            key = service_key(scope, each)
            row = table.get(key)
            if row is not None and each != service:
                table.put(key, _awake(key, row, ctx))

    def _show(self, key: str, service: str, row: ServiceRow, ctx: Context) -> tuple[str, ...]:
        """Write those incidents anew on which the risk is no longer as shown; all that are open."""
        table, still = ctx.table(INCIDENTS), []
        for incident_id in row.shown_on:
            incident = table.get(incident_id)
            if incident is None or not incident.is_open:
                continue
            still.append(incident_id)
            if not _is_moved(incident.risk, row.risk):
                continue
            if row.risk.chance < 0:
                ctx.reason(reasons.CALM, incident_id=incident_id, service=service)
            else:
                minutes = HORIZON_MS // MINUTE_MS
                chance = f"{row.risk.chance:.0%}"
                ctx.reason(
                    reasons.MOVED,
                    incident_id=incident_id,
                    service=service,
                    minutes=minutes,
                    chance=chance,
                )
            cause = Wake(stage=self.name, key=key, at_ms=ctx.timestamp_ms)
            ctx.forward(Update(incident=replace(incident, risk=row.risk), cause=cause))
        return tuple(still)

    def _forget(self, key: str, row: ServiceRow, ctx: Context) -> None:
        scope, _, service = key.partition("/")
        self._teller.end(scope, service, row, ctx)
        ctx.table(SERVICES).delete(key)
        ctx.reason(reasons.FORGOTTEN)
        found = ctx.table(SCOPES).get(f"{scope}/") or ScopeRow()
        count = max(0, found.services_count - 1)
        ctx.table(SCOPES).put(f"{scope}/", replace(found, services_count=count))


def _awake(key: str, row: ServiceRow, ctx: Context) -> ServiceRow:
    """The row of a service that is asked about from now on, at its own five minutes."""
    due_at_ms = _step_after(key, ctx.now_ms)
    if not row.wake_at_ms or row.wake_at_ms > due_at_ms:
        ctx.wake_at(key, due_at_ms)
        row = replace(row, wake_at_ms=due_at_ms)
    return replace(row, asked_until_ms=ctx.now_ms + ACTIVE_MS)


def _step_after(key: str, now_ms: int) -> int:
    """The next instant at which a service is asked about: its own, so that not all come at once."""
    offset = crc32(key.encode("utf-8", "replace")) % STEP_MS
    return now_ms + STEP_MS - (now_ms - offset) % STEP_MS


def _due_at_ms(key: str, row: ServiceRow, now_ms: int) -> int:
    """When a service is to be looked at next; 0: it is to be forgotten."""
    if now_ms < row.asked_until_ms:
        return _step_after(key, now_ms)
    if row.waiting or row.told_at_ms:
        since_ms = row.waiting[0].at_ms if row.waiting else row.told_at_ms
        return max(now_ms + 1, since_ms + HORIZON_MS)
    due_at_ms = row.counts.at_ms + FORGET_MS
    return due_at_ms if due_at_ms > now_ms else 0


def _is_moved(shown: Risk, risk: Risk) -> bool:
    """Whether what an incident shows is no longer the risk, by so much that it matters."""
    if risk.chance < 0:
        return shown.chance >= 0
    return abs(risk.chance - max(shown.chance, 0.0)) >= SHOWN_STEP
