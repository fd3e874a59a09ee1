"""A person splits an incident: some of its alerts become one of their own, and stay apart.

Only alerts that the incident lists can be named. Their group and their services lead to the new
incident from then on where nothing of them stays behind. No alert brings the two together again;
a person may, by merging them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.command import Command
from pipeline.domain.incident import AlertRef, Incident
from pipeline.domain.stage import Context
from pipeline.stages.correlate import reasons, turned_out
from pipeline.stages.correlate.commands import Answer
from pipeline.stages.correlate.incident import APART_MAX, Case, counted
from pipeline.stages.correlate.ledger import Ledger
from pipeline.stages.correlate.links import Links
from pipeline.stages.correlate.search import Search
from pipeline.stages.correlate.tables import ALERTS

NAMES_SHOWN_MAX: Final = 5


def split(
    command: Command, case: Case, ledger: Ledger, search: Search, links: Links, ctx: Context
) -> Answer:
    """Take `command.part` out of an incident; the new one is settled, the old one left to be."""
    incident, part = case.incident, command.part
    go = [
        ref
        for ref in incident.alerts
        if part and part in (ref.fingerprint, ref.service) and _is_here(ref, incident, ledger, ctx)
    ]
    why = _refused(case, go, part, ledger)
    if why:
        return Answer(why=why)
    gone = {ref.fingerprint for ref in go}
    stay = [ref for ref in incident.alerts if ref.fingerprint not in gone]
    first = _alert(go[0], incident)
    made = ledger.open(first, f"alert={first.fingerprint}", "split")
    old, new = _moved(case, made, go, stay, ledger, ctx)
    old_id, new_id = incident.incident_id, new.incident.incident_id
    services = {ref.service for ref in go} - {ref.service for ref in stay}
    turned_out.split(incident, new.incident, gone, services, links, ledger.find, ctx)
    search.lead(
        [_alert(ref, incident) for ref in go],
        [_alert(ref, incident) for ref in stay],
        old_id,
        new_id,
        ledger,
        ctx,
    )
    names = ", ".join(dict.fromkeys(ref.name for ref in go[:NAMES_SHOWN_MAX]))
    ctx.reason(reasons.SPLIT_FROM, incident_id=new_id, other=old_id, names=names)
    ledger.settle(new)
    ctx.reason(reasons.SPLIT, incident_id=old_id, into=new_id, names=names)
    return Answer(old)


def _refused(case: Case, go: Sequence[AlertRef], part: str, ledger: Ledger) -> str:
    incident = case.incident
    if not incident.is_open:
        return f"{incident.incident_id} is resolved"
    if not part:
        return "it names no part: a service, or the fingerprint of an alert"
    if not go:
        return f"it lists no alert of its own with the service or fingerprint {part!r}"
    if len(go) >= case.row.alerts:
        return f"all its alerts are of {part!r}: nothing would stay"
    if ledger.is_full():
        return "the scope has as many open incidents as it may have"
    return ""


def _is_here(ref: AlertRef, incident: Incident, ledger: Ledger, ctx: Context) -> bool:
    """Whether a listed alert is still one of its incident: it may have fired elsewhere since."""
    row = ctx.table(ALERTS).get(f"{ledger.scope}/{ref.fingerprint}")
    case = ledger.find(row.incident_id) if row is not None and row.incident_id else None
    return case is not None and case.incident.incident_id == incident.incident_id


def _moved(
    old: Case,
    new: Case,
    go: Sequence[AlertRef],
    stay: Sequence[AlertRef],
    ledger: Ledger,
    ctx: Context,
) -> tuple[Case, Case]:
    """Both cases after the alerts went over, with their rows and counts."""
    old_id, new_id = old.incident.incident_id, new.incident.incident_id
    left, made = old.row, replace(new.row, alerts=len(go), events=len(go))
    left = replace(left, alerts=left.alerts - len(go), events=max(0, left.events - len(go)))
    alerts = ctx.table(ALERTS)
    for ref in go:
        key = f"{ledger.scope}/{ref.fingerprint}"
        row = alerts.get(key)
        if row is None:
            continue
        alerts.put(key, replace(row, incident_id=new_id, is_unlisted=False))
        if row.is_firing:
            left = counted(left, row.severity, -1)
            made = counted(made, row.severity, 1)
    left = replace(left, apart=(*left.apart, new_id)[-APART_MAX:])
    made = replace(made, apart=(old_id,))
    # What is not listed any more may be of any of its services.
    is_whole = left.alerts <= len(stay)
    services = _services(stay) if is_whole else old.incident.services
    incident = replace(old.incident, alerts=tuple(stay), services=services)
    part = replace(
        new.incident,
        tenant=old.incident.tenant,
        alerts=tuple(go),
        services=_services(go),
        starts_at_ms=min(ref.starts_at_ms for ref in go),
        is_test=old.incident.is_test,
    )
    return Case(incident, left), Case(part, made)


def _services(refs: Sequence[AlertRef]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ref.service for ref in refs if ref.service))


def _alert(ref: AlertRef, incident: Incident) -> Alert:
    """A listed alert as far as its incident still knows it."""
    return Alert(
        alert_id=ref.alert_id,
        fingerprint=ref.fingerprint,
        name=ref.name,
        description=ref.description,
        severity=ref.severity,
        status=ref.status,
        service=ref.service,
        instance=ref.instance,
        environment=incident.environment,
        region=incident.region,
        cluster=incident.cluster,
        starts_at_ms=ref.starts_at_ms,
        ends_at_ms=ref.ends_at_ms,
        labels=incident.labels,
    )
