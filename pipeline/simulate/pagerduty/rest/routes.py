"""The table of REST routes, and the door: who may ask, as whom, in which form.

Any token is taken, since the simulator has one account; none at all is 401. Where PagerDuty
requires the `From` header, it must be the email address of a user of the account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from pipeline.simulate.pagerduty.directory import User
from pipeline.simulate.pagerduty.model import PagerDutyModel
from pipeline.simulate.pagerduty.rest import account, incidents, subscriptions
from pipeline.simulate.pagerduty.rest.ask import Ask, Reply
from pipeline.simulate.pagerduty.rest.errors import RestError, invalid
from pipeline.simulate.pagerduty.webhooks.book import WebhookBook

TOKEN_SCHEMES: Final = ("token token=", "bearer ")


class Route(NamedTuple):
    """One operation: its place in PagerDuty's API and who serves it here."""

    method: str
    path: str
    serve: Callable[[Ask], Reply]
    needs_from: bool = False


ROUTES: Final = (
    Route("GET", "/users", account.list_users),
    Route("GET", "/users/me", account.get_current_user),
    Route("GET", "/users/{id}", account.get_user),
    Route("GET", "/services", account.list_services),
    Route("GET", "/services/{id}", account.get_service),
    Route("PUT", "/services/{id}", account.update_service),
    Route("GET", "/services/{id}/integrations/{integration_id}", account.get_integration),
    Route("GET", "/escalation_policies", account.list_policies),
    Route("GET", "/escalation_policies/{id}", account.get_policy),
    Route("GET", "/schedules", account.list_schedules),
    Route("GET", "/schedules/{id}", account.get_schedule),
    Route("GET", "/schedules/{id}/users", account.list_schedule_users),
    Route("GET", "/oncalls", account.list_on_calls),
    Route("GET", "/incidents", incidents.list_incidents),
    Route("POST", "/incidents", incidents.create_incident, needs_from=True),
    Route("PUT", "/incidents", incidents.update_incidents, needs_from=True),
    Route("GET", "/incidents/{id}", incidents.get_incident),
    Route("PUT", "/incidents/{id}", incidents.update_incident, needs_from=True),
    Route("PUT", "/incidents/{id}/merge", incidents.merge_incidents, needs_from=True),
    Route("POST", "/incidents/{id}/snooze", incidents.snooze_incident, needs_from=True),
    Route("GET", "/incidents/{id}/notes", incidents.list_notes),
    Route("POST", "/incidents/{id}/notes", incidents.create_note, needs_from=True),
    Route("GET", "/incidents/{id}/alerts", incidents.list_alerts),
    Route("GET", "/incidents/{id}/alerts/{alert_id}", incidents.get_alert),
    Route("GET", "/incidents/{id}/log_entries", incidents.list_incident_log),
    Route("GET", "/log_entries", incidents.list_log),
    Route("GET", "/log_entries/{id}", incidents.get_log_entry),
    Route("GET", "/webhook_subscriptions", subscriptions.list_subscriptions),
    Route("POST", "/webhook_subscriptions", subscriptions.create_subscription),
    Route("GET", "/webhook_subscriptions/{id}", subscriptions.get_subscription),
    Route("PUT", "/webhook_subscriptions/{id}", subscriptions.update_subscription),
    Route("DELETE", "/webhook_subscriptions/{id}", subscriptions.delete_subscription),
    Route("POST", "/webhook_subscriptions/{id}/enable", subscriptions.enable_subscription),
    Route("POST", "/webhook_subscriptions/{id}/ping", subscriptions.ping_subscription),
)


class RestRequest(NamedTuple):
    """What came over HTTP; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    base_url: str


def serve_rest(
    model: PagerDutyModel, webhooks: WebhookBook, request: RestRequest, now_ms: int
) -> Reply:
    """Answer one REST call; what it refuses changes nothing."""
    model.incidents.run_due(now_ms)
    try:
        _check_door(request.headers)
        route, ids = _find(request.method, request.path)
        ask = Ask(
            model,
            webhooks,
            ids,
            request.query,
            _object(request.body),
            _sender(model, route, request.headers),
            request.base_url,
            now_ms,
        )
        return route.serve(ask)
    except RestError as refusal:
        return Reply(refusal.status_code, refusal.body())


def _check_door(headers: Mapping[str, str]) -> None:
    token = headers.get("authorization", "")
    scheme = next((s for s in TOKEN_SCHEMES if token.lower().startswith(s)), None)
    if scheme is None or not token[len(scheme) :].strip():
        raise RestError(401, 2006)
    accept = headers.get("accept", "").replace(" ", "")
    if "version=" in accept and "version=2" not in accept:
        raise RestError(406, 2001, "only version 2 of the REST API is served here")


def _find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    given = path.rstrip("/").split("/")
    methods = []
    for route in ROUTES:
        wanted = route.path.split("/")
        if len(wanted) != len(given):
            continue
        pairs = list(zip(wanted, given, strict=True))
        if all(want.startswith("{") or want == got for want, got in pairs):
            if route.method == method:
                return route, tuple(got for want, got in pairs if want.startswith("{"))
            methods.append(route.method)
    if methods:
        raise RestError(405, 2001, f"served here: {', '.join(methods)}", text="Method Not Allowed")
    raise RestError(404, 2100)


def _object(body: bytes) -> dict[str, object]:
    if not body:
        return {}
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise invalid("the body is not JSON") from wrong
    if not isinstance(found, dict):
        raise invalid("the body is not a JSON object")
    return found


def _sender(model: PagerDutyModel, route: Route, headers: Mapping[str, str]) -> User | None:
    if not route.needs_from:
        return None
    sender = model.directory.user_by_email(headers.get("from", ""))
    if sender is None:
        raise RestError(400, 1008, "the From header must be the email address of a user")
    return sender
