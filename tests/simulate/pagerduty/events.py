"""Bodies of events, as senders write them."""

from typing import Any

KEY = "0123456789abcdef0123456789abcdef"
OTHER_KEY = "fedcba9876543210fedcba9876543210"


def event(action: str = "trigger", dedup_key: str | None = "k1", **changes: Any) -> dict[str, Any]:
    """A valid event; a change of None takes the field away."""
    body: dict[str, Any] = {"routing_key": KEY, "event_action": action, "dedup_key": dedup_key}
    if action == "trigger":
        body["payload"] = {"summary": "disk full", "source": "db-1", "severity": "critical"}
    body.update(changes)
    return {name: value for name, value in body.items() if value is not None}


def payload(**changes: Any) -> dict[str, Any]:
    """A valid payload; a change of None takes the field away."""
    body = {"summary": "disk full", "source": "db-1", "severity": "critical", **changes}
    return {name: value for name, value in body.items() if value is not None}
