"""What each turn of an alert does to its row, its incident and the incidents around it."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pipeline.domain.alert import Alert, severity_rank
from pipeline.domain.reason import Reason
from pipeline.domain.stage import Context
from pipeline.stages.correlate import placing, reasons, wakes
from pipeline.stages.correlate.config import REFRESH_MS, CorrelateConfig
from pipeline.stages.correlate.episodes import Turn, due_at
from pipeline.stages.correlate.incident import (
    Case,
    counted,
    firing_count,
    reopened,
    severity_of,
    with_alert,
    with_ended,
)
from pipeline.stages.correlate.ledger import Ledger
from pipeline.stages.correlate.links import Links
from pipeline.stages.correlate.placing import Placement, Way
from pipeline.stages.correlate.search import Findings, Nearby, Search
from pipeline.stages.correlate.tables import ALERTS, AlertRow

ENDED_BY: Final = {
    Turn.RESOLVES: reasons.RESOLVED,
    Turn.ENDS: reasons.ENDED,
    Turn.TIMES_OUT: reasons.TIMED_OUT,
    Turn.CALMS: reasons.CALM,
}


class Turns:
    """The turns of one identity (`key`), during one event or wake."""

    __slots__ = ("_config", "_ctx", "_key", "_ledger", "_links", "_search")

    def __init__(
        self,
        key: str,
        ledger: Ledger,
        search: Search,
        links: Links,
        ctx: Context,
        config: CorrelateConfig,
    ) -> None:
        self._key = key
        self._ledger = ledger
        self._search = search
        self._links = links
        self._ctx = ctx
        self._config = config

    def keep(self, row: AlertRow) -> None:
        """Keep the row, with an earlier wake where it needs one."""
        due = due_at(row, self._config)
        if row.wake_at_ms == 0 or due < row.wake_at_ms:
            due = max(due, self._ctx.now_ms + 1)
            self._ctx.wake_at(wakes.name(wakes.ALERT, self._key), due)
            row = replace(row, wake_at_ms=due)
        self._ctx.table(ALERTS).put(self._key, row)

    def fires(
        self, before: AlertRow | None, row: AlertRow, alert: Alert, why: Reason | None = None
    ) -> None:
        """An episode begins: find where it belongs, and count it there."""
        ctx, ledger = self._ctx, self._ledger
        at_ms = alert.starts_at_ms or alert.received_at_ms or ctx.timestamp_ms
        own = self._left(before, row)
        found = self._search.find(alert, at_ms, own, ledger, ctx)
        placement = placing.decide(
            own,
            found.grouped,
            [each.case for each in found.nearby],
            found.group,
            ctx.now_ms - self._config.reopen,
            is_full=ledger.is_full(),
            is_learned=bool(found.nearby) and found.nearby[0].chance >= 0.0,
        )
        if why is not None:
            ctx.reason(why, incident_id=row.incident_id, name=alert.name)
        case = self._placed(placement, found, alert)
        incident_id = case.incident.incident_id
        is_new = self._moves(own, incident_id)
        events = 1 + row.pending
        row = replace(
            row,
            incident_id=incident_id,
            count=row.count + 1,
            pending=0,
            counted_at_ms=ctx.now_ms,
            is_unlisted=(is_new and case.row.alerts >= self._config.alerts_per_incident_max)
            or (not is_new and row.is_unlisted),
        )
        self.keep(row)
        if placement.way is not Way.OVERFLOW:
            # Nothing is to be drawn into the overflow by what happens to be there.
            is_opened = placement.way is Way.OPEN
            self._search.note(at_ms, alert.service, found, case, ctx, is_opened=is_opened)
            self._links.keep(alert, case, found.judged, ctx)
        counts = counted(case.row, row.severity, 1)
        counts = replace(counts, alerts=counts.alerts + is_new, events=counts.events + events)
        case = Case(case.incident, counts)
        if row.is_flapping:
            self._flaps(row, alert, incident_id)
        if not row.is_unlisted:
            ledger.settle(with_alert(case, alert, is_new=is_new))
            return
        ctx.reason(reasons.FULL, alerts=self._config.alerts_per_incident_max)
        if placement.way is Way.REOPEN or placement.merges is not None:
            ledger.settle(case)
        else:
            self._unlisted(case)

    def severity(self, before: AlertRow, row: AlertRow, alert: Alert) -> None:
        """A firing alert is more or less severe than before."""
        case = self._ledger.find(row.incident_id)
        is_closed = case is None or not case.incident.is_open
        if is_closed and severity_rank(row.severity) > severity_rank(before.severity):
            self.fires(before, row, alert)
            return
        self.keep(replace(row, count=row.count + 1, pending=0))
        if case is None:
            return
        counts = counted(counted(case.row, before.severity, -1), row.severity, 1)
        counts = replace(counts, events=counts.events + 1 + row.pending)
        case = Case(case.incident, counts)
        if is_closed:
            self._ledger.note(case)
        elif row.is_unlisted:
            self._unlisted(case)
        else:
            self._ctx.reason(
                reasons.SEVERITY,
                incident_id=case.incident.incident_id,
                name=alert.name,
                before=before.severity,
                after=row.severity,
            )
            self._ledger.settle(with_alert(case, alert, is_new=False))

    def repeats(self, before: AlertRow, row: AlertRow, alert: Alert, why: Reason) -> None:
        """A firing alert said so again: its row alone changes, its incident once a minute."""
        ctx = self._ctx
        row = replace(row, count=row.count + 1, pending=row.pending + 1)
        if not row.incident_id or ctx.now_ms < row.counted_at_ms + REFRESH_MS:
            ctx.reason(why)
            self.keep(row)
            return
        case = self._ledger.find(row.incident_id)
        if self._is_refired(case, row):
            self.fires(before, replace(row, pending=row.pending - 1), alert, reasons.FIRED_AGAIN)
            return
        events = row.pending
        self.keep(replace(row, pending=0, counted_at_ms=ctx.now_ms))
        if case is None:
            return
        case = Case(case.incident, replace(case.row, events=case.row.events + events))
        ctx.reason(reasons.COUNTED if case.incident.is_open else reasons.STILL_CLOSED)
        if case.incident.is_open and ctx.now_ms >= case.row.shown_at_ms + REFRESH_MS:
            self._ledger.settle(case)
        else:
            self._ledger.note(case)

    def renews(self, before: AlertRow, row: AlertRow, alert: Alert) -> None:
        """A firing alert says that it began anew: that opens what a person had closed."""
        case = self._ledger.find(row.incident_id)
        if case is not None and case.incident.is_open:
            self.repeats(before, row, alert, reasons.RENEWED)
        else:
            self.fires(before, row, alert)

    def ends(self, before: AlertRow, row: AlertRow, turn: Turn, name: str) -> None:
        """A firing alert fires no more."""
        case = self._ledger.find(row.incident_id)
        events = row.pending + (turn is Turn.RESOLVES)
        count = row.count + (turn is Turn.RESOLVES)
        self.keep(replace(row, pending=0, count=count))
        if case is None:
            return
        counts = counted(case.row, before.severity, -1)
        case = Case(case.incident, replace(counts, events=counts.events + events))
        fingerprint = self._key.partition("/")[2]
        if row.is_unlisted and firing_count(counts):
            self._unlisted(case)
            return
        self._ctx.reason(
            ENDED_BY[turn],
            incident_id=case.incident.incident_id,
            name=name or self.name_of(case),
            firing=firing_count(counts),
        )
        self._ledger.settle(with_ended(case, fingerprint, row))

    def begins_to_flap(self, row: AlertRow, alert: Alert) -> None:
        """It stays firing on its incident until it is calm."""
        self.keep(replace(row, count=row.count + 1, pending=row.pending + 1))
        case = self._ledger.find(row.incident_id)
        self._flaps(row, alert, case.incident.incident_id if case else "")
        if case is not None:
            self._ledger.forward(case)

    def _flaps(self, row: AlertRow, alert: Alert, incident_id: str) -> None:
        changes = len(row.changes)
        self._ctx.reason(
            reasons.FLAPPING, incident_id=incident_id, name=alert.name, changes=changes
        )

    def name_of(self, case: Case) -> str:
        """The alert's name as its incident lists it, else its fingerprint."""
        fingerprint = self._key.partition("/")[2]
        for ref in case.incident.alerts:
            if ref.fingerprint == fingerprint:
                return ref.name
        return fingerprint

    def _left(self, before: AlertRow | None, row: AlertRow) -> Case | None:
        """The incident that the alert was on last, on which it no longer counts as firing."""
        own = self._ledger.find(row.incident_id) if row.incident_id else None
        if own is not None and before is not None and before.is_firing:
            own = Case(own.incident, counted(own.row, before.severity, -1))
            self._ledger.note(own)
        return own

    def _moves(self, own: Case | None, incident_id: str) -> bool:
        """Whether the alert is new on the incident; then it is no longer one of its last one's,
        should that be opened again.
        """
        if own is None:
            return True
        if own.incident.incident_id == incident_id:
            return False
        self._ledger.note(Case(own.incident, replace(own.row, alerts=own.row.alerts - 1)))
        return True

    def _is_refired(self, case: Case | None, row: AlertRow) -> bool:
        refire_ms = self._config.refire
        if not refire_ms or not row.is_firing or row.is_told_resolved:
            return False
        if case is None:
            return True
        is_closed = not case.incident.is_open and case.row.closed_at_ms > 0
        return is_closed and self._ctx.now_ms >= case.row.closed_at_ms + refire_ms

    def _placed(self, placement: Placement, found: Findings, alert: Alert) -> Case:
        """The incident chosen, after opening, re-opening or merging, with the reason given."""
        ctx, ledger, case = self._ctx, self._ledger, placement.case
        key = found.group.key if found.group else f"alert={alert.fingerprint}"
        rule = found.group.rule if found.group else "alone"
        facts: dict[str, object] = {"name": alert.name, "group": key, "rule": rule}
        if case is None:
            if placement.way is Way.OVERFLOW:
                facts["open"] = ledger.scope_row.open_count
                case = ledger.overflow(alert)
            else:
                facts["because"] = f"its group is {key}" if found.group else "no rule groups it"
                case = ledger.open(alert, key, rule)
        elif placement.way is Way.REOPEN:
            facts["within_s"] = (ctx.now_ms - case.row.closed_at_ms) // 1000
            facts["because"] = f"group {key}" if case is found.grouped else "the same alert"
            case = reopened(case, ctx.now_ms)
            ledger.count_open(1)
        refused = found.refused
        if found.nearby:
            facts |= _nearness(alert, found.nearby[0])
        elif refused is not None:
            seen = refused.seen
            ctx.reason(
                reasons.KEPT_APART,
                name=alert.name,
                service=alert.service,
                other=seen.case.incident.incident_id,
                chance=f"{refused.chance:.0%}",
                version=refused.version,
                hops=seen.hops,
                near=seen.service,
                gap_s=seen.apart_ms // 1000,
            )
        if placement.merges is not None:
            case = ledger.merge(case, placement.merges, _linking(placement, found, alert, key))
        ctx.reason(placement.reason, incident_id=case.incident.incident_id, **facts)
        return case

    def _unlisted(self, case: Case) -> None:
        """Count it; show that only when the severity changes or a minute has passed."""
        severity = severity_of(case.row, case.incident.severity)
        is_due = self._ctx.now_ms >= case.row.shown_at_ms + REFRESH_MS
        if case.incident.is_open and (is_due or severity != case.incident.severity):
            self._ledger.settle(case)
        else:
            self._ledger.note(case)


def _nearness(alert: Alert, nearby: Nearby) -> dict[str, object]:
    """The facts of the reason for which an alert joins what is near it."""
    near = nearby.near
    facts: dict[str, object] = {
        "service": alert.service,
        "near": near.service,
        "hops": near.hops,
        "gap_s": near.apart_ms // 1000,
    }
    if nearby.chance >= 0.0:
        facts |= {"chance": f"{nearby.chance:.0%}", "version": nearby.version}
    return facts


def _linking(placement: Placement, found: Findings, alert: Alert, group_key: str) -> str:
    """Why an alert makes two incidents one."""
    hops = [each.near.hops for each in found.nearby]
    first = found.nearby[0]
    learned = ""
    if first.chance >= 0.0:
        chances = " and ".join(f"{each.chance:.0%}" for each in found.nearby)
        learned = f": by {chances} one with it, as learned ({first.version})"
    if placement.case is found.grouped:
        return f"{alert.name} of group {group_key} is {hops[0]} hops from it{learned}"
    return (
        f"{alert.name} on {alert.service} is {hops[0]} hops from one and {hops[1]} from the other"
        f"{learned}"
    )
