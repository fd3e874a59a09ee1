"""Incidents: the list with its filters, and one with all that led to it."""

from __future__ import annotations

from typing import Any, Final

from litestar import get
from litestar.params import FromPath
from msgspec import Struct

from pipeline.domain.alert import SEVERITIES
from pipeline.domain.audit import AuditRecord
from pipeline.domain.incident import ACKNOWLEDGED, RESOLVED, TRIGGERED, Incident
from pipeline.domain.notification import Notification, Receipt
from pipeline.edge.access import Caller
from pipeline.edge.api.asking import Asked, TheCaller, ask
from pipeline.edge.deps import AnyRequest, Edge, TheEdge
from pipeline.edge.openapi import asks
from pipeline.edge.problem import not_found
from pipeline.edge.view import questions
from pipeline.edge.view.questions import EntryFilter, IncidentFilter

OPEN: Final = "open"
STATUSES: Final = (OPEN, TRIGGERED, ACKNOWLEDGED, RESOLVED)
TRACE_MAX: Final = 500
"""So many entries of each kind are shown with one incident, the latest."""


class ListedIncident(Incident, frozen=True, kw_only=True):
    """An Incident, the fingerprints of the alerts that it lists, and what receivers know it by."""

    fingerprints: tuple[str, ...] = ()
    dedup_keys: tuple[str, ...] = ()


class WholeIncident(ListedIncident, frozen=True, kw_only=True):
    """With the decision trace: what was decided and why, who was told, and what came of it."""

    audit: list[AuditRecord]
    notifications: list[Notification]
    receipts: list[Receipt]


class IncidentList(Struct, frozen=True):
    """Some incidents, the latest opened first; `next` is the cursor of the following ones."""

    incidents: list[ListedIncident]
    next: str | None


def listed(edge: Edge, incident: Incident) -> ListedIncident:
    """An incident as the API shows it."""
    return ListedIncident(**_members(edge, incident))


def _members(edge: Edge, incident: Incident) -> dict[str, Any]:
    found = {name: getattr(incident, name) for name in Incident.__struct_fields__}
    found["fingerprints"] = tuple(dict.fromkeys(alert.fingerprint for alert in incident.alerts))
    found["dedup_keys"] = (f"{edge.deps.installation}/{incident.incident_id}",)
    return found


async def find(edge: Edge, caller: Caller, incident_id: str) -> Incident:
    """One incident that the caller may see. Raises Problem 404."""
    incident = await ask(edge, questions.incident, incident_id)
    if incident is None or not caller.may_see(incident.tenant):
        raise not_found(f"there is no incident {incident_id[:100]!r}")
    return incident


INCIDENTS_FILTERS: Final = (
    "status",
    "severity",
    "service",
    "scope",
    "tenant",
    "muted",
    "test",
    "q",
    "since",
    "until",
)


@get(
    "/api/v1/incidents",
    summary="List incidents",
    tags=["incidents"],
    operation_class=asks(*INCIDENTS_FILTERS),
)
async def list_incidents(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> IncidentList:
    """Filters: status (triggered, acknowledged, resolved, open), severity, service, scope,
    tenant, muted (true, false), test (true: those of tests, which are left out otherwise),
    q (words), since and until (of the opening), limit, cursor.
    """
    asked = Asked(request, *INCIDENTS_FILTERS)
    statuses = asked.words("status", STATUSES)
    if OPEN in statuses:
        statuses = tuple(dict.fromkeys((*statuses, TRIGGERED, ACKNOWLEDGED)))
    wanted = IncidentFilter(
        tenant=tenant_of(asked, caller),
        statuses=tuple(status for status in statuses if status != OPEN),
        severities=asked.words("severity", SEVERITIES),
        service=asked.text("service"),
        scope_id=asked.text("scope"),
        is_muted=asked.truth("muted"),
        is_test=bool(asked.truth("test")),
        q=asked.text("q"),
        since_ms=asked.instant_ms("since"),
        until_ms=asked.instant_ms("until"),
    )
    page = await ask(edge, questions.incidents, wanted, asked.limit, asked.cursor)
    return IncidentList([listed(edge, incident) for incident in page.rows], page.next)


def tenant_of(asked: Asked, caller: Caller) -> str:
    """Whose things a list holds: an operator may choose ("" is everybody's)."""
    return asked.text("tenant") if caller.is_operator else caller.tenant


@get("/api/v1/incidents/{incident_id:str}", summary="One incident", tags=["incidents"])
async def one_incident(
    edge: TheEdge, caller: TheCaller, incident_id: FromPath[str]
) -> WholeIncident:
    """The incident with its decision trace; each list the earliest first."""
    incident = await find(edge, caller, incident_id)
    wanted = EntryFilter(incident_id=incident.incident_id)
    trace: dict[str, Any] = {
        topic: (await ask(edge, questions.entries, topic, wanted, TRACE_MAX)).rows[::-1]
        for topic in ("audit", "notifications", "receipts")
    }
    return WholeIncident(**_members(edge, incident), **trace)


ROUTES: Final = (list_incidents, one_incident)
