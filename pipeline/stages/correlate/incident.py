"""The incident as people see it: how an alert, its end or a merge changes what it shows."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.alert import SEVERITIES, SEVERITY_GIVEN, Alert, severity_rank
from pipeline.domain.incident import (
    ALERTS_LISTED_MAX,
    NOTES_MAX,
    RESOLVED,
    SERVICES_MAX,
    TRIGGERED,
    AlertRef,
    Incident,
)
from pipeline.stages.correlate.config import TEXT_SHOWN_MAX
from pipeline.stages.correlate.tables import AlertRow, IncidentRow

SHOWN: Final = (
    "summary",
    "runbook",
    "runbook_url",
    "dashboard",
    "dashboard_url",
    "panel_url",
    "image_url",
    "generator_url",
    "silence_url",
    "recent_changes",
    "team",
    "tier",
    SEVERITY_GIVEN,
)
"""The annotations that an incident shows, of each the first that an alert brings: also a page that
a timer sends, with no alert to take them from, has its links and images.
"""

KEPT_AS_LABELS: Final = ("namespace", "host", "source")
"""Fields that matchers ask for and an incident has no field for: silences, inhibitions and routes
find them among its labels. Without them they would count as absent, and mute what they are not.
"""

LABELS_MAX: Final = 50
LABEL_SIZE_MAX: Final = 1_000
"""An incident shows at most so many labels, and none that is longer."""
TITLE_SIZE_MAX: Final = 300
REF_TEXT_MAX: Final = 300
MERGED_FROM_MAX: Final = 100
APART_MAX: Final = 16
"""Incidents that an incident is kept apart from; at the limit the one split off first no longer is.
"""


class Case(Struct, frozen=True):
    """An incident and the counts beneath it; both change together."""

    incident: Incident
    row: IncidentRow


def opened(incident: Incident, alert: Alert) -> Incident:
    """A new incident with what its first alert says; `incident` brings ids and group."""
    where = alert.service or alert.instance or alert.host
    return replace(
        incident,
        title=f"{alert.name} on {where}"[:TITLE_SIZE_MAX] if where else alert.name[:TITLE_SIZE_MAX],
        service=alert.service,
        environment=alert.environment,
        region=alert.region,
        cluster=alert.cluster,
        description=alert.description[:TEXT_SHOWN_MAX],
        labels=_shown_labels(alert),
        starts_at_ms=alert.starts_at_ms,
        received_at_ms=alert.received_at_ms,
        trace_id=alert.trace_id or incident.trace_id,
        is_test=alert.is_test,
    )


def _labels(alert: Alert) -> dict[str, str]:
    """Its labels, and beneath them its fields that an incident has no field for."""
    fields = ((name, getattr(alert, name)) for name in KEPT_AS_LABELS)
    return {name: text for name, text in fields if text} | alert.labels


def _shown_labels(alert: Alert) -> dict[str, str]:
    short = ((n, t) for n, t in sorted(_labels(alert).items()) if len(t) <= LABEL_SIZE_MAX)
    return dict(list(short)[:LABELS_MAX])


def with_alert(case: Case, alert: Alert, *, is_new: bool) -> Case:
    """The case with a firing alert on it, listed unless `is_new` is false and it is not there."""
    incident = case.incident
    services = incident.services
    if alert.service and alert.service not in services and len(services) < SERVICES_MAX:
        services = (*services, alert.service)
    labels = incident.labels
    if labels:
        given = _labels(alert)
        labels = {name: text for name, text in labels.items() if given.get(name) == text}
    annotations = incident.annotations
    for name in SHOWN:
        text = alert.annotations.get(name)
        if text is None or name in annotations:
            continue
        if len(text) <= TEXT_SHOWN_MAX or not name.endswith("_url"):  # a cut one leads elsewhere
            annotations = {**annotations, name: text[:TEXT_SHOWN_MAX]}
    ref = AlertRef(
        fingerprint=alert.fingerprint,
        alert_id=alert.alert_id,
        name=alert.name,
        severity=alert.severity,
        status="firing",
        service=alert.service,
        instance=alert.instance or alert.host,
        description=alert.description[:REF_TEXT_MAX],
        starts_at_ms=alert.starts_at_ms,
        ends_at_ms=alert.ends_at_ms,
    )
    starts = min(incident.starts_at_ms or alert.starts_at_ms, alert.starts_at_ms)
    incident = replace(
        incident,
        services=services,
        labels=labels,
        annotations=annotations,
        alerts=listed(incident.alerts, ref, is_new=is_new),
        starts_at_ms=starts or incident.starts_at_ms,
    )
    return Case(incident, case.row)


def listed(alerts: tuple[AlertRef, ...], ref: AlertRef, *, is_new: bool) -> tuple[AlertRef, ...]:
    """The list with `ref` in its place; when full, the oldest of the latest half gives way."""
    for position, known in enumerate(alerts):
        if known.fingerprint == ref.fingerprint:
            return (*alerts[:position], ref, *alerts[position + 1 :])
    if not is_new:
        return alerts
    if len(alerts) < ALERTS_LISTED_MAX:
        return (*alerts, ref)
    half = ALERTS_LISTED_MAX // 2
    return (*alerts[:half], *alerts[half + 1 :], ref)


def with_ended(case: Case, fingerprint: str, row: AlertRow) -> Case:
    """The case with one of its alerts shown as resolved, where it is listed."""
    alerts = case.incident.alerts
    for position, known in enumerate(alerts):
        if known.fingerprint == fingerprint:
            ref = replace(known, status="resolved", ends_at_ms=row.ended_at_ms)
            alerts = (*alerts[:position], ref, *alerts[position + 1 :])
            return Case(replace(case.incident, alerts=alerts), case.row)
    return case


def counted(row: IncidentRow, severity: str, by: int) -> IncidentRow:
    """The counts with `by` more alerts firing at `severity`."""
    rank = severity_rank(severity)
    firing = row.firing
    changed = (*firing[:rank], firing[rank] + by, *firing[rank + 1 :])
    return replace(row, firing=changed)


def firing_count(row: IncidentRow) -> int:
    """How many of its alerts fire now."""
    return sum(row.firing)


def severity_of(row: IncidentRow, before: str) -> str:
    """What a person set, else the highest of those that fire, else what it was last."""
    if row.override:
        return row.override
    for rank in (4, 3, 2, 1, 0):
        if row.firing[rank]:
            return SEVERITIES[rank]
    return before


def shown(case: Case, now_ms: int) -> Case:
    """The case with its counts and severity on the incident."""
    row = case.row
    incident = replace(
        case.incident,
        severity=severity_of(row, case.incident.severity),
        alert_count=row.alerts,
        firing_count=firing_count(row),
        event_count=row.events,
        updated_at_ms=now_ms,
    )
    return Case(incident, replace(row, shown_at_ms=now_ms))


def closed(case: Case, now_ms: int, by: str) -> Case:
    """The case resolved by a person, by quiet (`by` "") or by a merge."""
    incident = replace(
        case.incident,
        status=RESOLVED,
        resolved_at_ms=now_ms,
        resolved_by=by,
        snoozed_until_ms=0,
        updated_at_ms=now_ms,
    )
    row = replace(case.row, closed_at_ms=now_ms, quiet_from_ms=0)
    return Case(incident, row)


def reopened(case: Case, now_ms: int) -> Case:
    """The case triggered once more: nobody has acknowledged this time."""
    incident = replace(
        case.incident,
        status=TRIGGERED,
        resolved_at_ms=0,
        resolved_by="",
        acknowledged_at_ms=0,
        acknowledged_by="",
        reopened_count=case.incident.reopened_count + 1,
        updated_at_ms=now_ms,
    )
    row = replace(case.row, closed_at_ms=0, quiet_from_ms=0)
    return Case(incident, row)


def merged(winner: Case, loser: Case, now_ms: int) -> tuple[Case, Case]:
    """(winner, loser) after the winner took the loser's alerts, counts, services and notes."""
    old, new = loser.incident, winner.incident
    services = dict.fromkeys((*new.services, *old.services))
    known = {ref.fingerprint for ref in new.alerts}
    alerts = new.alerts
    for ref in old.alerts:
        if ref.fingerprint not in known:
            alerts = listed(alerts, ref, is_new=True)
    incident = replace(
        new,
        services=tuple(services)[:SERVICES_MAX],
        labels={n: t for n, t in new.labels.items() if old.labels.get(n) == t},
        annotations={**old.annotations, **new.annotations},
        alerts=alerts,
        notes=tuple(sorted((*new.notes, *old.notes), key=lambda n: n.at_ms))[-NOTES_MAX:],
        merged_from=(*new.merged_from, old.incident_id)[-MERGED_FROM_MAX:],
        starts_at_ms=min(
            new.starts_at_ms or old.starts_at_ms, old.starts_at_ms or new.starts_at_ms
        ),
    )
    row = replace(
        winner.row,
        firing=tuple(a + b for a, b in zip(winner.row.firing, loser.row.firing, strict=True)),
        alerts=winner.row.alerts + loser.row.alerts,
        events=winner.row.events + loser.row.events,
        quiet_from_ms=0,
        apart=(*winner.row.apart, *loser.row.apart)[-APART_MAX:],
    )
    gone = closed(loser, now_ms, f"merge into {new.incident_id}")
    gone = Case(
        replace(gone.incident, merged_into=new.incident_id, firing_count=0),
        replace(gone.row, merged_into=new.incident_id, firing=(0, 0, 0, 0, 0)),
    )
    return shown(Case(incident, row), now_ms), gone
