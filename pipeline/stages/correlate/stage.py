"""The stage `correlate`: alerts become incidents, commands and receipts reach them.

It owns the top level of an Incident (all but `routing` and `reasons`). Nine alerts of ten
repeat what is known; they change one small row and leave the incident alone.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.command import Command
from pipeline.domain.ids import scope_id, scope_of
from pipeline.domain.notification import Receipt
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update, Wake
from pipeline.domain.wiring import Wiring
from pipeline.stages.correlate import commands, episodes, reasons, wakes
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.correlate.episodes import ENDINGS, Turn, Verdict
from pipeline.stages.correlate.ledger import Ledger
from pipeline.stages.correlate.links import Links
from pipeline.stages.correlate.orders import obey
from pipeline.stages.correlate.search import Search
from pipeline.stages.correlate.seen import Seen
from pipeline.stages.correlate.tables import (
    ALERTS,
    COUNTS,
    GROUPS,
    LINKED,
    PLACES,
    RING,
    SCOPES,
    SEEN,
    AlertRow,
)
from pipeline.stages.correlate.turns import Turns

KEYED: Final = "k-"
"""How an alert_id begins that was made from an Idempotency-Key."""

LATE_MS: Final = 10_000
GRACE_MS: Final = 150_000
"""A wake that is later than LATE_MS means that nobody listened: what should have ended meanwhile
may have been said again to nobody. So long its sender has to say it once more; Prometheus repeats
after one minute and its evaluation interval."""


class Correlate:
    """Alert, Command and Receipt in; Update(incident, cause) out."""

    name = "correlate"
    accepts = (Alert, Command, Receipt)
    tables: tuple[TableSpec[Any], ...] = (
        ALERTS, GROUPS, COUNTS, SCOPES, PLACES, SEEN, RING, LINKED,
    )  # fmt: skip

    def __init__(self, wiring: Wiring) -> None:
        config = wiring.sections.get("correlate") or CorrelateConfig()
        self._config: CorrelateConfig = config
        self._scope = wiring.scope
        self._links = Links(wiring, is_on=config.links.learn and config.dependency is not None)
        self._search = Search(config, self._links)

    def process(self, event: Any, ctx: Context) -> None:
        """Take one alert, command or receipt."""
        if isinstance(event, Alert):
            self._alert(event, ctx)
        elif isinstance(event, Command):
            obey(event, ctx, self._config, self._search, self._links)
        else:
            _receive(event, ctx)

    def wake(self, key: str, ctx: Context) -> None:
        """A row of ours is due: something ends, calms, closes or is forgotten."""
        kind, row_key, scope = wakes.parts(key)
        cause = Wake(stage=self.name, key=key, at_ms=ctx.timestamp_ms)
        ledger = Ledger(scope, ctx, self._config, cause, self._links)
        if kind == wakes.ALERT:
            self._wake_alert(row_key, ledger, ctx)
        elif kind == wakes.INCIDENT:
            self._wake_incident(row_key, ledger, ctx)
        elif kind == wakes.GROUP:
            self._search.wake_group(row_key, ledger, ctx)
        elif kind == wakes.SEEN:
            Seen(scope, ctx, self._config.remember).sweep()
        else:
            self._search.wake_place(row_key, ctx)

    def owner_of_wake(self, key: str) -> str:
        """The scope whose row is due."""
        return wakes.parts(key)[2]

    def _alert(self, alert: Alert, ctx: Context) -> None:
        scope = scope_id(ctx.origin.tenant, [alert.text(name) for name in self._scope])
        if alert.alert_id.startswith(KEYED) and self._is_repeated(alert, scope, ctx):
            return
        alert = episodes.with_open_instants(alert)
        key = f"{scope}/{alert.fingerprint}"
        before = ctx.table(ALERTS).get(key)
        verdict = episodes.decide(before, alert, ctx.now_ms, self._config)
        turns = self._turns(key, Ledger(scope, ctx, self._config, alert, self._links), ctx)
        self._turn(verdict, before, alert, turns, ctx)

    def _turn(
        self, verdict: Verdict, before: AlertRow | None, alert: Alert, turns: Turns, ctx: Context
    ) -> None:
        turn, row = verdict.turn, verdict.row
        if before is None:
            if turn is Turn.FIRES:
                turns.fires(None, row, alert)
            else:
                ctx.reason(reasons.RESOLVED_FIRST, name=alert.name)
                turns.keep(replace(row, count=1))
        elif turn is Turn.SAME:
            turns.repeats(before, row, alert, reasons.DUPLICATE)
        elif turn is Turn.FIRES:
            turns.fires(before, row, alert)
        elif turn is Turn.SEVERITY:
            turns.severity(before, row, alert)
        elif turn is Turn.RENEWED:
            turns.renews(before, row, alert)
        elif turn is Turn.FLAPS:
            turns.repeats(before, row, alert, reasons.FLAPPED)
        elif turn is Turn.BEGINS_TO_FLAP:
            turns.begins_to_flap(row, alert)
        elif turn in ENDINGS:
            turns.ends(before, row, turn, alert.name)
        else:
            ctx.reason(reasons.LATE, name=alert.name)

    def _is_repeated(self, alert: Alert, scope: str, ctx: Context) -> bool:
        """Whether the id was taken before; if not, it is from now on."""
        taken = Seen(scope, ctx, self._config.remember)
        if taken.find(alert.alert_id) is not None:
            ctx.reason(reasons.REPEATED, alert_id=alert.alert_id)
            return True
        taken.remember(alert.alert_id)
        return False

    def _wake_alert(self, key: str, ledger: Ledger, ctx: Context) -> None:
        before = ctx.table(ALERTS).get(key)
        if before is None:
            return
        before = replace(before, wake_at_ms=0)
        if before.is_firing and ctx.now_ms - ctx.timestamp_ms > LATE_MS:
            ctx.reason(reasons.EXCUSED)
            ctx.wake_at(wakes.name(wakes.ALERT, key), ctx.now_ms + GRACE_MS)
            ctx.table(ALERTS).put(key, replace(before, wake_at_ms=ctx.now_ms + GRACE_MS))
            return
        turn, row = self._due(before, ledger, ctx)
        turns = self._turns(key, ledger, ctx)
        if turn is Turn.FORGETS:
            ctx.table(ALERTS).delete(key)
            ctx.reason(reasons.FORGOTTEN)
        elif turn in ENDINGS or (turn is Turn.CALMS and not row.is_firing):
            turns.ends(before, row, turn, "")
        else:
            turns.keep(row)

    def _due(self, row: AlertRow, ledger: Ledger, ctx: Context) -> tuple[Turn, AlertRow]:
        """What is due; an alert is not forgotten while its incident is or may be open again."""
        verdict = episodes.decide_wake(row, ctx.now_ms, self._config)
        if verdict.turn is Turn.FORGETS and row.incident_id:
            case = ledger.find(row.incident_id)
            reopen_ms = self._config.reopen
            if case is not None and (
                case.incident.is_open or ctx.now_ms <= case.row.closed_at_ms + reopen_ms
            ):
                return Turn.SAME, replace(row, seen_at_ms=ctx.now_ms)
        return verdict.turn, verdict.row

    def _wake_incident(self, key: str, ledger: Ledger, ctx: Context) -> None:
        scope, _, number = key.partition("/")
        incident_id = f"{scope}.{number}"
        row = ctx.table(COUNTS).get(key)
        if row is None:
            return
        row = replace(row, wake_at_ms=0)
        case = ledger.at(incident_id, row)
        if case is None:
            ledger.forget(incident_id)
        elif case.incident.is_open:
            until_ms = case.incident.snoozed_until_ms
            if 0 < until_ms <= ctx.now_ms:
                ctx.reason(reasons.SNOOZE_OVER, incident_id=incident_id)
                ledger.settle(commands.unsnoozed(case, ctx.now_ms))
            elif row.quiet_from_ms and ctx.now_ms >= ledger.due_at(case):
                ledger.settle(case)
            else:
                ledger.note(case)
        elif ctx.now_ms < ledger.due_at(case):
            ledger.note(case)
        elif ledger.is_held(row):
            ctx.table(COUNTS).put(key, ledger.held(incident_id, row))
        else:
            ledger.forget(incident_id)

    def _turns(self, key: str, ledger: Ledger, ctx: Context) -> Turns:
        return Turns(key, ledger, self._search, self._links, ctx, self._config)


def _receive(receipt: Receipt, ctx: Context) -> None:
    """Hand the incident on with the receipt; the part that it changes belongs to route."""
    incident_id = receipt.incident_id
    incident = ctx.table(INCIDENTS).get(incident_id)
    if incident is None or incident.scope_id != scope_of(incident_id):
        ctx.reason(reasons.RECEIPT_UNKNOWN, incident_id=incident_id)
        return
    ctx.reason(reasons.RECEIPT)
    ctx.forward(Update(incident=incident, cause=receipt))
