"""PagerDuty Events API v2: trigger, acknowledge, resolve and change events.

https://developer.pagerduty.com/docs/events-api-v2/. The dedup key makes a repeated call harmless
while the incident is open: a repeated trigger is one more log entry, an acknowledge or resolve
of nothing is taken and dropped.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from pipeline.domain.notification import CHANGE, TRIGGER, Notification
from pipeline.domain.secret import Secret
from pipeline.domain.sink import SUMMARY_SIZE_MAX, Calls, Http, Outcome, Refused, Response
from pipeline.sinks.answers import interpret, said
from pipeline.sinks.details import Detail, details_of
from pipeline.sinks.text import cut, filled, iso, json_body

US_URL: Final = "https://events.pagerduty.com"
BODY_SIZE_MAX: Final = 512_000
"""Documented as 512 KB, so the smaller reading of it."""

FIELD_SIZE_MAX: Final = 1_024
ROUTING_KEY_SIZE: Final = 32
SEVERITIES: Final = {"critical": "critical", "error": "error", "warning": "warning", "info": "info"}
UNKNOWN_SEVERITY: Final = "error"
"""A severity nobody stated must not end up as a quiet one."""


class PagerDutyConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An integration of a PagerDuty service, or of an event orchestration."""

    routing_key: Secret
    """The integration key, 32 characters."""

    url: str = US_URL
    """The Events server; the EU's is https://events.eu.pagerduty.com. `/v2/enqueue` is added."""

    client: str = "Tocsin"
    """What PagerDuty shows as the sender."""

    client_url: str = ""
    """Where PagerDuty's link to the sender leads; `{incident_id}` is replaced."""

    def __post_init__(self) -> None:
        if len(self.routing_key.reveal()) != ROUTING_KEY_SIZE:
            raise ValueError(
                f"`routing_key` must have {ROUTING_KEY_SIZE} characters: copy the integration key "
                "of an Events API v2 integration"
            )
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("`url` must be the base of an Events server, such as " + US_URL)


class PagerDuty:
    """The sink `pagerduty`."""

    name = "pagerduty"
    config_type = PagerDutyConfig
    has_idempotency = True

    def send(
        self,
        notification: Notification,
        config: PagerDutyConfig,
        ref: str,
        key: str,
        now_ms: int,
    ) -> Calls:
        """One POST; `ref` of what was delivered is the dedup key."""
        is_change = notification.action == CHANGE
        path = "/v2/change/enqueue" if is_change else "/v2/enqueue"
        event = change_event if is_change else alert_event
        response = yield Http(
            method="POST",
            url=config.url.rstrip("/") + path,
            headers={"content-type": "application/json"},
            body=_fitting(event, notification, config, key),
        )
        return _outcome(response, "" if is_change else key)


def alert_event(
    told: Notification, config: PagerDutyConfig, key: str, detail: Detail
) -> dict[str, Any]:
    """The body of a trigger, acknowledge or resolve; only a trigger has a payload."""
    event: dict[str, Any] = {
        "routing_key": config.routing_key.reveal(),
        "event_action": told.action,
        "dedup_key": key,
    }
    if told.action != TRIGGER:
        return event
    event["payload"] = {
        **_summary(told),
        "severity": SEVERITIES.get(told.severity, UNKNOWN_SEVERITY),
        **filled(
            {
                "timestamp": iso(told.starts_at_ms),
                "component": cut(told.service, FIELD_SIZE_MAX),
                "group": cut(told.cluster or told.environment, FIELD_SIZE_MAX),
                "class": cut(told.labels.get("alertname", ""), FIELD_SIZE_MAX),
                "custom_details": details_of(told, detail),
            }
        ),
    }
    event["client"] = config.client
    if config.client_url:
        event["client_url"] = config.client_url.replace("{incident_id}", told.incident_id)
    return {**event, **_attachments(told, detail)}


def change_event(
    told: Notification, config: PagerDutyConfig, key: str, detail: Detail
) -> dict[str, Any]:
    """The body of a change event: it notifies nobody and has no dedup key."""
    return {
        "routing_key": config.routing_key.reveal(),
        "payload": {
            **_summary(told),
            **filled(
                {
                    "timestamp": iso(told.starts_at_ms),
                    "custom_details": details_of(told, detail),
                }
            ),
        },
        **filled({"links": _attachments(told, detail).get("links")}),
    }


def _summary(told: Notification) -> dict[str, str]:
    """Summary and source, which PagerDuty wants never to be empty."""
    first = told.alerts[0].instance if told.alerts else ""
    source = told.source or first or told.service or told.cluster or "tocsin"
    summary = told.title.strip() or told.description.strip() or told.incident_id
    return {
        "summary": cut(summary, SUMMARY_SIZE_MAX),
        "source": cut(source, FIELD_SIZE_MAX),
    }


def _attachments(told: Notification, detail: Detail) -> dict[str, Any]:
    """Links, and those images that PagerDuty shows: it wants https."""
    if detail is Detail.NONE:
        return {}
    links = [
        filled({"href": link.href, "text": link.text}) for link in told.links if not link.is_image
    ]
    images = [
        filled({"src": link.href, "alt": link.text})
        for link in told.links
        if link.is_image and link.href.startswith("https://")
    ]
    return filled({"links": links, "images": images})


def _fitting(event: Any, told: Notification, config: PagerDutyConfig, key: str) -> bytes:
    """The body with as much detail as the size limit allows."""
    body = b""
    for detail in Detail:
        body = json_body(event(told, config, key, detail))
        if len(body) <= BODY_SIZE_MAX:
            break
    return body


def _outcome(response: Response, ref: str) -> Outcome:
    if response.status == 400:
        return Refused(why=_errors(response), status=400)
    return interpret(response, ref)


def _errors(response: Response) -> str:
    """PagerDuty's list of what it finds wrong, or its words as they are."""
    try:
        body = msgspec.json.decode(response.body)
        errors = [str(error) for error in body["errors"]]
    except (msgspec.DecodeError, KeyError, TypeError):
        errors = []
    return "PagerDuty refuses the event: " + cut("; ".join(errors) or said(response), 500)


SINK: Final = PagerDuty()
