"""REST endpoints for webhook subscriptions. The secret is shown once, when one is created."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from pipeline.simulate.pagerduty.rest.ask import Ask, Reply
from pipeline.simulate.pagerduty.rest.errors import invalid, not_found
from pipeline.simulate.pagerduty.webhooks.book import (
    SUBSCRIPTIONS_MAX,
    SUBSCRIPTIONS_PER_FILTER_MAX,
    Subscription,
)
from pipeline.simulate.pagerduty.webhooks.events import EVENT_TYPES, draw_ping

FILTERS: Final = ("account_reference", "service_reference", "team_reference")
HEADERS_MAX: Final = 10
TEXT_LENGTH_MAX: Final = 2_048
Fields = dict[str, Any]


def list_subscriptions(ask: Ask) -> Reply:
    """`GET /webhook_subscriptions`, by `filter_type` and `filter_id`."""
    kind, id_ = ask.one("filter_type"), ask.one("filter_id")
    found = [
        one
        for one in ask.webhooks.subscriptions.values()
        if (kind is None or one.filter_kind in (kind, f"{kind}_reference"))
        and (id_ is None or one.filter_id == id_)
    ]
    return ask.page("webhook_subscriptions", found, lambda one: _draw(ask, one))


def get_subscription(ask: Ask) -> Reply:
    """`GET /webhook_subscriptions/{id}`."""
    return Reply(200, {"webhook_subscription": _draw(ask, _subscription(ask))})


def create_subscription(ask: Ask) -> Reply:
    """`POST /webhook_subscriptions`."""
    fields = dict(ask.object("webhook_subscription"))
    method, chosen = fields.get("delivery_method"), fields.get("filter")
    if not isinstance(method, dict):
        raise invalid("'delivery_method' is missing or not an object")
    if not isinstance(chosen, dict) or chosen.get("type") not in FILTERS:
        raise invalid(f"'filter.type' must be one of {', '.join(FILTERS)}")
    filter_id = chosen.get("id")
    if chosen["type"] == "account_reference":
        filter_id = None
    elif not isinstance(filter_id, str):
        raise invalid("'filter.id' is missing")
    url, headers, events = _url(method), _custom_headers(method), _event_types(fields)
    known = ask.webhooks.subscriptions.values()
    same = [s for s in known if (s.filter_kind, s.filter_id) == (chosen["type"], filter_id)]
    if len(known) >= SUBSCRIPTIONS_MAX or len(same) >= SUBSCRIPTIONS_PER_FILTER_MAX:
        raise invalid(f"at most {SUBSCRIPTIONS_PER_FILTER_MAX} subscriptions per filter")
    subscription = ask.webhooks.subscribe(url, events, chosen["type"], filter_id)
    subscription.custom_headers = headers
    subscription.description = str(fields.get("description") or "")[:TEXT_LENGTH_MAX]
    subscription.is_active = fields.get("active") is not False
    return Reply(200, {"webhook_subscription": _draw(ask, subscription, secret=True)})


def update_subscription(ask: Ask) -> Reply:
    """`PUT /webhook_subscriptions/{id}`: events, description, active."""
    subscription, fields = _subscription(ask), dict(ask.object("webhook_subscription"))
    events = _event_types(fields) if "events" in fields else subscription.event_types
    subscription.event_types = events
    if "description" in fields:
        subscription.description = str(fields["description"] or "")[:TEXT_LENGTH_MAX]
    if "active" in fields:
        subscription.is_active = fields["active"] is True
    return get_subscription(ask)


def delete_subscription(ask: Ask) -> Reply:
    """`DELETE /webhook_subscriptions/{id}`: what waits for it is lost."""
    del ask.webhooks.subscriptions[_subscription(ask).id]
    return Reply(204, None)


def enable_subscription(ask: Ask) -> Reply:
    """`POST /webhook_subscriptions/{id}/enable`: ends the rest after dropped deliveries."""
    _subscription(ask).disabled_until_ms = 0
    return get_subscription(ask)


def ping_subscription(ask: Ask) -> Reply:
    """`POST /webhook_subscriptions/{id}/ping`: a `pagey.ping`, whatever it subscribed to."""
    subscription = _subscription(ask)
    event_id = ask.model.ids.next("0", 25)
    ask.webhooks.queue(subscription, "pagey.ping", event_id, draw_ping(event_id, ask.now_ms))
    return Reply(202, None)


def _subscription(ask: Ask) -> Subscription:
    found = ask.webhooks.subscriptions.get(ask.ids[0])
    if found is None:
        raise not_found("Webhook Subscription")
    return found


def _url(method: Fields) -> str:
    url = method.get("url")
    # PagerDuty takes https only; the simulator tells receivers under test, which often lack it.
    if not isinstance(url, str) or len(url) > TEXT_LENGTH_MAX:
        raise invalid("'delivery_method.url' is missing or too long")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid("'delivery_method.url' must be an absolute http or https URL")
    return url


def _event_types(fields: Fields) -> tuple[str, ...]:
    events = fields.get("events")
    if not isinstance(events, list) or not events:
        raise invalid("'events' is missing or empty")
    unknown = [event for event in events if event not in EVENT_TYPES]
    if unknown:
        raise invalid(f"'events' has unknown members: {', '.join(map(str, unknown))[:200]}")
    return tuple(dict.fromkeys(events))


def _custom_headers(method: Fields) -> tuple[tuple[str, str], ...]:
    given = method.get("custom_headers") or []
    if not isinstance(given, list) or len(given) > HEADERS_MAX:
        raise invalid(f"'custom_headers' must be an array of at most {HEADERS_MAX}")
    headers = []
    for member in given:
        name, value = (
            (member.get("name"), member.get("value")) if isinstance(member, dict) else ("", "")
        )
        if not _is_header_text(name) or not name or not _is_header_text(value):
            raise invalid("'custom_headers' must hold objects with a 'name' and a 'value'")
        headers.append((str(name), str(value)))
    return tuple(headers)


def _is_header_text(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and len(value) <= TEXT_LENGTH_MAX
    )


def _draw(ask: Ask, one: Subscription, *, secret: bool = False) -> Fields:
    method: Fields = {
        "id": f"{one.id}M",
        "type": "http_delivery_method",
        "url": one.url,
        "temporarily_disabled": ask.now_ms < one.disabled_until_ms,
        "custom_headers": [
            {"name": name, "value": value if secret else "<redacted>"}
            for name, value in one.custom_headers
        ],
        "secret": one.secret if secret else None,
    }
    chosen: Fields = {"type": one.filter_kind}
    if one.filter_id is not None:
        chosen["id"] = one.filter_id
    return {
        "id": one.id,
        "type": "webhook_subscription",
        "active": one.is_active,
        "delivery_method": method,
        "description": one.description,
        "events": list(one.event_types),
        "filter": chosen,
    }
