"""A signed webhook: one JSON body per notification, signed as Standard Webhooks says.

The body is `{"type": "incident.<action>", "timestamp": …, "data": {…}}`, where data holds the
notification's fields and `dedup_key`, which is the same for all notifications of an incident; a
deploy or another change of a service comes as `service.changed`.
`webhook-id` is the notification's id, the same for each attempt: the receiver knows a repeated
call by it. Any 2xx is a success, 410 says that the receiver wants no more, redirects are not
followed.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

from pipeline.domain.notification import CHANGE, Notification
from pipeline.domain.secret import Secret
from pipeline.domain.sink import SUMMARY_SIZE_MAX, Calls, Http, Refused
from pipeline.security.webhooks import check_secret, sign
from pipeline.sinks.answers import interpret
from pipeline.sinks.details import Detail, details_of
from pipeline.sinks.text import cut, filled, iso, json_body

BODY_SIZE_MAX: Final = 256 * 1024
"""Standard Webhooks recommends small bodies; what is larger loses its details, marked."""

CHANGED: Final = "service.changed"
SECRETS_MAX: Final = 2
URL_SIZE_MAX: Final = 2_048


class WebhookConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a webhook goes and how it is signed."""

    url: str
    """The receiver's address, http or https, without credentials."""

    secret: Secret
    """The signing secret, `whsec_` and base64 of 24 to 64 bytes."""

    secret_next: Secret | None = None
    """A second secret, while one takes the place of the other: both sign."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("`url` must begin with http:// or https:// and name a host")
        if parts.username or parts.password:
            raise ValueError("`url` must hold no credentials: the signature says who sends")
        if len(self.url) > URL_SIZE_MAX:
            raise ValueError(f"`url` must have at most {URL_SIZE_MAX} characters")
        for secret in self.secrets:
            check_secret(secret)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that sign, the present one first."""
        return (self.secret,) if self.secret_next is None else (self.secret, self.secret_next)


class Webhook:
    """The sink `webhook`."""

    name = "webhook"
    config_type = WebhookConfig
    has_idempotency = True

    def send(
        self,
        notification: Notification,
        config: WebhookConfig,
        ref: str,
        key: str,
        now_ms: int,
    ) -> Calls:
        """One POST. `now_ms` is signed, so that a replayed body is found out."""
        body = b""
        for detail in Detail:
            body = json_body(webhook_body(notification, key, detail))
            if len(body) <= BODY_SIZE_MAX:
                break
        # A receiver's name is part of the id, and a header takes ASCII only.
        webhook_id = quote(notification.notification_id, errors="replace")
        headers = sign(config.secrets, webhook_id, now_ms // 1_000, body)
        response = yield Http(
            method="POST",
            url=config.url,
            headers={"content-type": "application/json", **headers},
            body=body,
        )
        if response.status == 410:
            return Refused(why="HTTP 410: the receiver wants no more of these", status=410)
        return interpret(response, notification.notification_id)


def webhook_body(told: Notification, key: str, detail: Detail) -> dict[str, Any]:
    """The documented body; `timestamp` is when route decided to notify."""
    data = {
        "notification_id": told.notification_id,
        "incident_id": told.incident_id,
        "dedup_key": key,
        "tenant": told.tenant,
        "receiver": told.receiver,
        "sequence": told.sequence,
        "action": told.action,
        "status": told.status,
        "severity": told.severity,
        "title": cut(told.title, SUMMARY_SIZE_MAX),
        "source": cut(told.source, SUMMARY_SIZE_MAX),
        "starts_at": iso(told.starts_at_ms),
        "trace_id": told.trace_id,
        "is_test": told.is_test,
        "details": details_of(told, detail),
    }
    if detail is not Detail.NONE:
        data["links"] = [filled({"href": link.href, "text": link.text}) for link in told.links]
    return {
        "type": CHANGED if told.action == CHANGE else f"incident.{told.action}",
        "timestamp": iso(told.created_at_ms),
        "data": filled(data),
    }


SINK: Final = Webhook()
