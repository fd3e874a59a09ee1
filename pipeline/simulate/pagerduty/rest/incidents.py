"""REST endpoints that read incidents, and those that a person works on them with."""

from __future__ import annotations

from typing import Final

from pipeline.simulate.pagerduty.records import NOTES_PER_INCIDENT_MAX, Incident, LogEntry
from pipeline.simulate.pagerduty.rest.ask import Ask, Reply, id_of, text_of
from pipeline.simulate.pagerduty.rest.errors import RestError, invalid, not_found
from pipeline.simulate.pagerduty.rest.incident_shapes import IncidentShapes
from pipeline.simulate.pagerduty.rest.update import plan_update

STATUSES: Final = ("triggered", "acknowledged", "resolved")
LISTED_MS: Final = 30 * 24 * 3600 * 1000
BULK_MAX: Final = 250
MERGED_ALERTS_MAX: Final = 1_000
SNOOZE_S_MAX: Final = 604_800
TITLE_LENGTH_MAX: Final = 1_024
NOTE_LENGTH_MAX: Final = 65_536
OPEN_BY_REST_MAX: Final = 10_000
_OVERVIEW: Final = ("trigger", "acknowledge", "unacknowledge", "resolve", "escalate", "annotate")


def list_incidents(ask: Ask) -> Reply:
    """`GET /incidents`: filtered, sorted, in pages; of the last 30 days if no time is given."""
    found = [
        incident for incident in ask.model.incidents.by_id.values() if _is_asked(ask, incident)
    ]
    since_ms, until_ms = _window(ask)
    found = [i for i in found if since_ms <= i.created_at_ms < until_ms]
    for part in reversed((ask.one("sort_by") or "created_at:asc").split(",")[:2]):
        name, _, direction = part.partition(":")
        attribute = {
            "created_at": "created_at_ms",
            "incident_number": "number",
            "resolved_at": "resolved_at_ms",
            "urgency": "urgency",
        }.get(name)
        if attribute is None or direction not in ("", "asc", "desc"):
            raise invalid("'sort_by' must be a field, a colon, and asc or desc")
        found.sort(key=lambda i: getattr(i, attribute) or 0, reverse=direction == "desc")
    return ask.page("incidents", found, _shapes(ask).incident)


def get_incident(ask: Ask) -> Reply:
    """`GET /incidents/{id}`, by id or by number; `include[]=body` adds a person's text."""
    with_body = "body" in ask.many("include")
    return Reply(200, {"incident": _shapes(ask).incident(_incident(ask), with_body=with_body)})


def create_incident(ask: Ask) -> Reply:
    """`POST /incidents`: a person opens an incident."""
    fields = ask.object("incident")
    title = text_of(fields, "title", TITLE_LENGTH_MAX)
    service = ask.model.directory.services.get(id_of(fields.get("service"), "service"))
    if service is None:
        raise not_found("Service")
    key = fields.get("incident_key")
    if key is not None and not isinstance(key, str):
        raise invalid("'incident_key' must be a string")
    known = ask.model.incidents.by_id
    if key and any(known[id_].key == key for id_ in service.open_incident_ids):
        raise RestError(
            400, 2002, "Open incident with matching dedup key already exists on this service"
        )
    if len(service.open_incident_ids) >= OPEN_BY_REST_MAX:
        raise invalid(f"the service has {OPEN_BY_REST_MAX} open incidents: resolve some first")
    urgency = fields.get("urgency", "high")
    if urgency not in ("high", "low"):
        raise invalid("'urgency' must be high or low")
    incident = ask.model.incidents.open(service, title, key or "", urgency, ask.agent, ask.now_ms)
    incident.key = incident.key or incident.id
    details = fields.get("body")
    if isinstance(details, dict):
        incident.body_details = str(details.get("details") or "")[:NOTE_LENGTH_MAX]
    return Reply(201, {"incident": _shapes(ask).incident(incident)})


def update_incident(ask: Ask) -> Reply:
    """`PUT /incidents/{id}`."""
    incident = _incident(ask)
    plan_update(ask, incident, ask.object("incident"))()
    return Reply(200, {"incident": _shapes(ask).incident(incident)})


def update_incidents(ask: Ask) -> Reply:
    """`PUT /incidents`: many at once; all or none."""
    members = ask.body.get("incidents")
    if not isinstance(members, list) or not members:
        raise invalid("'incidents' is missing or not an array")
    if len(members) > BULK_MAX:
        raise RestError(413, 2001, f"at most {BULK_MAX} incidents at once")
    plans = []
    incidents = []
    for member in members:
        incident = ask.model.incidents.by_id.get(id_of(member, "incidents"))
        if incident is None:
            raise not_found("Incident")
        incidents.append(incident)
        plans.append(plan_update(ask, incident, member))
    for plan in plans:
        plan()
    shapes = _shapes(ask)
    return Reply(200, {"incidents": [shapes.incident(incident) for incident in incidents]})


def snooze_incident(ask: Ask) -> Reply:
    """`POST /incidents/{id}/snooze`."""
    incident, duration_s = _incident(ask), ask.body.get("duration")
    if not isinstance(duration_s, int) or not 1 <= duration_s <= SNOOZE_S_MAX:
        raise RestError(400, 1013, f"'duration' must be from 1 to {SNOOZE_S_MAX} seconds")
    _require_open(incident)
    ask.model.incidents.snooze(incident, duration_s, ask.agent, ask.now_ms)
    return Reply(201, {"incident": _shapes(ask).incident(incident)})


def merge_incidents(ask: Ask) -> Reply:
    """`PUT /incidents/{id}/merge`: the sources' alerts go to this incident."""
    target, members = _incident(ask), ask.body.get("source_incidents")
    if not isinstance(members, list) or not members:
        raise invalid("'source_incidents' is missing or not an array")
    _require_open(target)
    sources: dict[str, Incident] = {}
    for member in members:
        source = ask.model.incidents.by_id.get(id_of(member, "source_incidents"))
        if source is None:
            raise not_found("Incident")
        if source is target:
            raise invalid("an incident cannot be merged into itself")
        _require_open(source)
        sources[source.id] = source
    alerts = len(target.alerts) + sum(len(source.alerts) for source in sources.values())
    if alerts > MERGED_ALERTS_MAX:
        raise invalid(f"the merged incident would have over {MERGED_ALERTS_MAX} alerts")
    ask.model.incidents.merge(target, list(sources.values()), ask.agent, ask.now_ms)
    return Reply(200, {"incident": _shapes(ask).incident_reference(target)})


def list_notes(ask: Ask) -> Reply:
    """`GET /incidents/{id}/notes`: all of them, without pages."""
    return Reply(200, {"notes": [_shapes(ask).note(note) for note in _incident(ask).notes]})


def create_note(ask: Ask) -> Reply:
    """`POST /incidents/{id}/notes`."""
    incident = _incident(ask)
    content = text_of(ask.object("note"), "content", NOTE_LENGTH_MAX)
    if len(incident.notes) >= NOTES_PER_INCIDENT_MAX:
        raise invalid(f"an incident has at most {NOTES_PER_INCIDENT_MAX} notes")
    note = ask.model.incidents.annotate(incident, ask.agent.id, content, ask.now_ms)
    return Reply(200, {"note": _shapes(ask).note(note)})


def list_alerts(ask: Ask) -> Reply:
    """`GET /incidents/{id}/alerts`, by `alert_key` and `statuses[]`."""
    incident, statuses, key = _incident(ask), ask.many("statuses"), ask.one("alert_key")
    found = [
        alert
        for alert in incident.alerts
        if (key is None or alert.key == key)
        and (not statuses or ("triggered" if alert.is_open else "resolved") in statuses)
    ]
    return ask.page("alerts", found, lambda alert: _shapes(ask).alert(alert, incident))


def get_alert(ask: Ask) -> Reply:
    """`GET /incidents/{id}/alerts/{alert_id}`."""
    incident = _incident(ask)
    for alert in incident.alerts:
        if alert.id == ask.ids[1]:
            return Reply(200, {"alert": _shapes(ask).alert(alert, incident)})
    raise not_found("Alert")


def list_incident_log(ask: Ask) -> Reply:
    """`GET /incidents/{id}/log_entries`, newest first."""
    return _log_page(ask, _incident(ask).log[::-1])


def list_log(ask: Ask) -> Reply:
    """`GET /log_entries` of the account, newest first."""
    return _log_page(ask, list(reversed(ask.model.incidents.entries)))


def get_log_entry(ask: Ask) -> Reply:
    """`GET /log_entries/{id}`."""
    for entry in ask.model.incidents.entries:
        incident = ask.model.incidents.by_id.get(entry.incident_id)
        if entry.id == ask.ids[0] and incident is not None:
            return Reply(200, {"log_entry": _shapes(ask).log_entry(entry, incident)})
    raise not_found("Log Entry")


def _log_page(ask: Ask, entries: list[LogEntry]) -> Reply:
    since_ms, until_ms = ask.time_ms("since"), ask.time_ms("until")
    is_overview = ask.one("is_overview") == "true"
    known = ask.model.incidents.by_id
    found = [
        entry
        for entry in entries
        if entry.incident_id in known
        and (since_ms is None or entry.at_ms >= since_ms)
        and (until_ms is None or entry.at_ms < until_ms)
        and (not is_overview or entry.kind in _OVERVIEW)
    ]
    return ask.page(
        "log_entries", found, lambda one: _shapes(ask).log_entry(one, known[one.incident_id])
    )


def _is_asked(ask: Ask, incident: Incident) -> bool:
    statuses = ask.many("statuses")
    if not set(statuses) <= set(STATUSES):
        raise invalid("Status must be a list of triggered, acknowledged, or resolved.")
    key, users = ask.one("incident_key"), ask.many("user_ids")
    services, urgencies = ask.many("service_ids"), ask.many("urgencies")
    return (
        (not statuses or incident.status in statuses)
        and (key is None or incident.key == key)
        and (not services or incident.service_id in services)
        and (not urgencies or incident.urgency in urgencies)
        and (not users or any(user in incident.assignee_ids for user in users))
    )


def _window(ask: Ask) -> tuple[float, float]:
    if ask.one("date_range") == "all":
        return float("-inf"), float("inf")
    since_ms, until_ms = ask.time_ms("since"), ask.time_ms("until")
    if since_ms is None:
        since_ms = (ask.now_ms if until_ms is None else until_ms) - LISTED_MS
    if until_ms is not None and until_ms < since_ms:
        raise RestError(400, 2005, "'until' must lie after 'since'")
    return since_ms, float("inf") if until_ms is None else until_ms


def _incident(ask: Ask) -> Incident:
    incidents = ask.model.incidents.by_id
    incident = incidents.get(ask.ids[0])
    if incident is None and ask.ids[0].isdigit():
        number = int(ask.ids[0][:12])
        incident = next((i for i in incidents.values() if i.number == number), None)
    if incident is None:
        raise not_found("Incident")
    return incident


def _require_open(incident: Incident) -> None:
    if incident.merged_into is not None:
        raise RestError(400, 1019)
    if not incident.is_open:
        raise RestError(400, 1001)


def _shapes(ask: Ask) -> IncidentShapes:
    return IncidentShapes(ask.model.directory, ask.base_url)
