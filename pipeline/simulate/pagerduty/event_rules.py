"""What the Events API v2 takes and what it refuses, as pure functions of the request's bytes.

Sources: PagerDuty's "Send an alert event" and "Send a change event" pages, its published
OpenAPI for Events v2, and error bodies seen in public reports. Where no real text is known, the
text follows the pattern of the known ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

BODY_SIZE_BYTES_MAX: Final = 512_000
"""PagerDuty says 512 KB; the strict reading is used so that nobody relies on the wide one."""
ROUTING_KEY_LENGTH: Final = 32
SUMMARY_LENGTH_MAX: Final = 1024
DEDUP_KEY_LENGTH_MAX: Final = 255
ACTIONS: Final = ("trigger", "acknowledge", "resolve")
SEVERITIES: Final = ("critical", "error", "warning", "info")
_PAYLOAD_TEXTS: Final = ("timestamp", "component", "group", "class")
_CONTEXTS: Final = ("client", "client_url", "images", "links")


@dataclass(frozen=True, slots=True)
class Event:
    """A well-formed call of `/v2/enqueue` or `/v2/change/enqueue` (`action` is then `change`).

    `dedup_key` is None when the sender gave none. `payload` and `contexts` (client, images,
    links) are JSON as sent, b"" where there are none: encoded once, since the record and the
    alert both keep them.
    """

    routing_key: str
    action: str
    dedup_key: str | None
    payload: bytes
    contexts: bytes
    summary: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that PagerDuty does not take: its answer, and what is known of who sent it."""

    status_code: int
    status: str
    text: str
    errors: tuple[str, ...]
    routing_key: str = ""
    action: str = ""
    dedup_key: str | None = None

    def body(self) -> dict[str, Any]:
        """The JSON object of the answer."""
        return {"status": self.status, "message": self.text, "errors": list(self.errors)}


def check_event(body: bytes) -> Event | Refusal:
    """Judge the body of `POST /v2/enqueue`; all complaints come at once."""
    fields = _object(body)
    if isinstance(fields, Refusal):
        return fields
    errors = _routing_key_errors(fields)
    action = fields.get("event_action")
    dedup_key = fields.get("dedup_key")
    if _is_blank(action):
        errors.append("'event_action' is missing or blank")
    elif action not in ACTIONS:
        errors.append(
            "'event_action' is invalid (must be one of the following: "
            "'trigger', 'acknowledge' or 'resolve')"
        )
    if _is_blank(dedup_key):
        if action in ("acknowledge", "resolve"):
            errors.append("'dedup_key' is missing or blank")
        dedup_key = None
    elif not isinstance(dedup_key, str):
        errors.append("'dedup_key' must be a string")
    elif len(dedup_key) > DEDUP_KEY_LENGTH_MAX:
        errors.append(f"'dedup_key' is too long (maximum is {DEDUP_KEY_LENGTH_MAX} characters)")
    if action == "trigger":
        errors += _payload_errors(fields)
        errors += _context_errors(fields)
    return _verdict(fields, str(action or ""), dedup_key, errors)


def check_change(body: bytes) -> Event | Refusal:
    """Judge the body of `POST /v2/change/enqueue`."""
    fields = _object(body)
    if isinstance(fields, Refusal):
        return fields
    errors = _routing_key_errors(fields)
    payload = fields.get("payload")
    if not isinstance(payload, dict):
        errors.append("'payload' is missing or blank")
    else:
        errors += _summary_errors(payload)
        errors += _text_errors(payload, ("source", "timestamp"))
        errors += _details_errors(payload)
    errors += _context_errors(fields)
    return _verdict(fields, "change", None, errors)


def refuse_size(size_bytes: int) -> Refusal:
    """The answer to a body over the limit."""
    return Refusal(
        413,
        "invalid event",
        "Event object is invalid",
        (f"Event is too large: {size_bytes} bytes (maximum is {BODY_SIZE_BYTES_MAX})",),
    )


def _object(body: bytes) -> dict[str, Any] | Refusal:
    if len(body) > BODY_SIZE_BYTES_MAX:
        return refuse_size(len(body))
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refusal(400, "Unrecognized object", "Event object is invalid", ("JSON parse error",))
    if not isinstance(fields, dict):
        return Refusal(
            400, "Unrecognized object", "Event object is invalid", ("Event is not a JSON object",)
        )
    return fields


def _verdict(
    fields: dict[str, Any], action: str, dedup_key: object, errors: list[str]
) -> Event | Refusal:
    routing_key = fields.get("routing_key")
    if errors:
        return Refusal(
            400,
            "invalid event",
            "Event object is invalid",
            tuple(errors),
            routing_key if isinstance(routing_key, str) else "",
            action[:64],
            dedup_key[:DEDUP_KEY_LENGTH_MAX] if isinstance(dedup_key, str) else None,
        )
    payload = fields.get("payload")
    contexts = {name: fields[name] for name in _CONTEXTS if name in fields}
    is_trigger = action == "trigger"
    return Event(
        str(routing_key),
        action,
        dedup_key if isinstance(dedup_key, str) else None,
        msgspec.json.encode(payload) if isinstance(payload, dict) else b"",
        msgspec.json.encode(contexts) if contexts else b"",
        fields["payload"]["summary"] if is_trigger else "",
        fields["payload"]["severity"] if is_trigger else "",
    )


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _routing_key_errors(fields: Mapping[str, Any]) -> list[str]:
    key = fields.get("routing_key")
    if _is_blank(key):
        return ["'routing_key' is missing or blank"]
    if not isinstance(key, str):
        return ["'routing_key' must be a string"]
    if len(key) != ROUTING_KEY_LENGTH:
        return [f"Length of 'routing_key' is incorrect (should be {ROUTING_KEY_LENGTH} characters)"]
    return []


def _payload_errors(fields: Mapping[str, Any]) -> list[str]:
    payload = fields.get("payload")
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = _summary_errors(payload)
    if _is_blank(payload.get("source")):
        errors.append("'payload.source' is missing or blank")
    severity = payload.get("severity")
    if _is_blank(severity):
        errors.append("'payload.severity' is missing or blank")
    elif severity not in SEVERITIES:
        errors.append(
            "'payload.severity' is invalid (must be one of the following: "
            "'critical', 'warning', 'error' or 'info')"
        )
    errors += _text_errors(payload, ("source", *_PAYLOAD_TEXTS))
    return errors + _details_errors(payload)


def _summary_errors(payload: Mapping[str, Any]) -> list[str]:
    summary = payload.get("summary")
    if _is_blank(summary):
        return ["'payload.summary' is missing or blank"]
    if not isinstance(summary, str):
        return ["'payload.summary' must be a string"]
    if len(summary) > SUMMARY_LENGTH_MAX:
        return [f"'payload.summary' is too long (maximum is {SUMMARY_LENGTH_MAX} characters)"]
    return []


def _text_errors(payload: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [
        f"'payload.{name}' must be a string"
        for name in names
        if payload.get(name) is not None and not isinstance(payload[name], str)
    ]


def _details_errors(payload: Mapping[str, Any]) -> list[str]:
    details = payload.get("custom_details")
    if details is None or isinstance(details, dict):
        return []
    return ["'payload.custom_details' must be an object"]


def _context_errors(fields: Mapping[str, Any]) -> list[str]:
    errors = []
    for name, needed in (("images", "src"), ("links", "href")):
        members = fields.get(name)
        if members is None:
            continue
        if not isinstance(members, list):
            errors.append(f"'{name}' must be an array")
            continue
        for index, member in enumerate(members):
            if not isinstance(member, dict) or _is_blank(member.get(needed)):
                errors.append(f"'{name}[{index}].{needed}' is missing or blank")
    return errors + [
        f"'{name}' must be a string"
        for name in ("client", "client_url")
        if fields.get(name) is not None and not isinstance(fields[name], str)
    ]
