"""The judge's window, `/_sim/*`: what was received, what it came to, faults, reset.

Pure functions from (method, path, query, body) to a status and a JSON body; PagerDuty itself
has no such paths. A cursor that is older than what is remembered shows in `forgotten`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pipeline.simulate.pagerduty.desk import Desk
from pipeline.simulate.pagerduty.faults import FaultPlan

PREFIX: Final = "/_sim/"
SERVED: Final = (
    "GET /_sim/events?since=&limit=&dedup_key=&api=",
    "GET /_sim/summary?offset=&limit=&dedup_key=",
    "GET /_sim/webhooks",
    "GET, POST, DELETE /_sim/faults",
    "POST /_sim/reset",
)
LIMIT_DEFAULT: Final = 1_000
LIMIT_MAX: Final = 10_000


def serve_control(
    desk: Desk, method: str, path: str, query: Mapping[str, str], body: bytes, now_ms: int
) -> tuple[int, bytes]:
    """Answer one call below `/_sim/`."""
    route = (method, path.removeprefix(PREFIX))
    try:
        match route:
            case ("GET", "events"):
                answer = _events(desk, query)
            case ("GET", "summary"):
                answer = _summary(desk, query)
            case ("GET", "faults"):
                answer = desk.faults.shown()
            case ("POST", "faults"):
                desk.faults.set(msgspec.json.decode(body, type=FaultPlan), now_ms)
                answer = desk.faults.shown()
            case ("DELETE", "faults"):
                desk.faults.clear()
                answer = desk.faults.shown()
            case ("GET", "webhooks"):
                answer = _webhooks(desk)
            case ("POST", "reset"):
                desk.reset()
                answer = {"status": "reset"}
            case _:
                return 404, _encode({"error": f"{method} {path} is not served", "served": SERVED})
    except (msgspec.ValidationError, msgspec.DecodeError) as wrong:
        return 400, _encode({"error": str(wrong)})
    except _BadQuery as wrong:
        return 400, _encode({"error": str(wrong)})
    return 200, _encode(answer)


class _BadQuery(ValueError):
    pass


def _events(desk: Desk, query: Mapping[str, str]) -> dict[str, Any]:
    since = _number(query, "since", 0)
    limit = _limit(query)
    calls = desk.book.since(since, limit, query.get("dedup_key"), query.get("api"))
    reached = calls[-1].seq if len(calls) == limit and calls else desk.book.last_seq
    return {
        "events": calls,
        "next": max(reached, since),
        "more": reached < desk.book.last_seq,
        "received": desk.book.last_seq,
        "forgotten": desk.book.forgotten,
    }


def _summary(desk: Desk, query: Mapping[str, str]) -> dict[str, Any]:
    offset = _number(query, "offset", 0)
    limit = _limit(query)
    keys = [
        {
            **msgspec.to_builtins(tally),
            "effective_triggers": tally.triggered + tally.reopened,
            "effective_acknowledges": tally.acknowledged,
            "effective_resolves": tally.resolved,
        }
        for tally in desk.book.tallies(offset, limit, query.get("dedup_key"))
    ]
    incidents = desk.model.incidents
    return {
        "received": desk.book.last_seq,
        "effects": desk.book.totals,
        "incidents": {
            "opened": incidents.opened,
            "open": sum(len(s.open_incident_ids) for s in desk.model.directory.services.values()),
            "forgotten": incidents.forgotten,
        },
        "keys": keys,
        "keys_total": desk.book.keys,
        "offset": offset,
        "limit": limit,
        "more": offset + len(keys) < desk.book.keys and "dedup_key" not in query,
    }


def _webhooks(desk: Desk) -> dict[str, Any]:
    book = desk.webhooks
    return {
        "delivered": book.delivered,
        "dropped": book.dropped,
        "waiting": book.waiting,
        "attempts": list(book.attempts),
    }


def _limit(query: Mapping[str, str]) -> int:
    return min(max(_number(query, "limit", LIMIT_DEFAULT), 1), LIMIT_MAX)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name)
    if given is None:
        return default
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise _BadQuery(f"'{name}' must be a whole number from 0 up, not {given[:40]!r}")
    return int(given)


def _encode(body: object) -> bytes:
    return msgspec.json.encode(body)
