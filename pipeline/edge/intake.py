"""The way in: one POST of alerts in any format, read, checked, appended, and then answered."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
from typing import Final

from litestar import Response, post
from litestar.params import FromPath
from msgspec import Struct

from pipeline.domain.errors import Oversize, StoreError
from pipeline.domain.store import Output
from pipeline.edge.accept import Delivery, Refused, answer_of, records_of
from pipeline.edge.access import Caller
from pipeline.edge.body import read_body
from pipeline.edge.deps import AnyRequest, Edge, TheEdge
from pipeline.edge.openapi import takes
from pipeline.edge.problem import Problem, invalid, not_found, problem_of
from pipeline.edge.unknown import unknown_fields
from pipeline.stages.ingest import Draft, Parsed, parse
from pipeline.stages.ingest.reasons import TOO_MANY

BIG_BODY_BYTES: Final = 262_144
"""A body over this is read in a thread, so that small ones need not wait for it."""

IDEMPOTENCY_KEY_CHARS_MAX: Final = 255
ATTRIBUTES_MAX: Final = 50
ATTRIBUTE_CHARS_MAX: Final = 1_000
"""Of a CloudEvent's headers so much is kept on dead-letters."""

# Not os.urandom, which gives up the interpreter's lock and waits a millisecond to get it back from
# the thread of the epochs. A trace id is no secret.
_traces: Final = random.Random(secrets.randbits(256))  # noqa: S311
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Door(Struct, frozen=True, kw_only=True):
    """One path for alerts. `is_forgetful`: its senders drop what gets a 4xx and repeat what gets
    a 5xx, so that a limit is answered with 503 there, and the edge raises an alert about it.
    """

    format_name: str
    status: int = 202
    is_forgetful: bool = False


NATIVE: Final = Door(format_name="native")
WEBHOOK: Final = Door(format_name="alertmanager", is_forgetful=True)
API_V2: Final = Door(format_name="alertmanager-v2", status=200, is_forgetful=True)
CLOUDEVENTS: Final = Door(format_name="cloudevents")


async def take(request: AnyRequest, edge: Edge, door: Door) -> Response[bytes]:
    """Take the alerts of one request; every path for alerts ends here. Raises Problem."""
    try:
        caller = edge.access.caller(request.headers)
        return await _take(request, edge, door, caller)
    except (Problem, StoreError, Oversize) as error:
        problem = problem_of(error)
        edge.deps.count("edge_refused_requests", 1, {"kind": problem.kind})
        if door.is_forgetful and problem.status in (408, 413, 429):
            edge.self_alerts.fire(problem.kind, request.scope["path"], problem.detail)
            raise Problem(
                503,
                problem.kind,
                problem.detail,
                retry_after_s=problem.retry_after_s or 30,
                headers=problem.headers,
                more=problem.more,
            ) from None
        raise problem from None


async def _take(request: AnyRequest, edge: Edge, door: Door, caller: Caller) -> Response[bytes]:
    headers = dict(request.headers)
    admission = edge.admission
    admission.check_rate(caller.tenant)
    held = [0]
    try:
        body = await read_body(request.receive, headers, edge.limits, admission, held)
        delivery = _delivery(headers, door, caller)
        if len(body) > BIG_BODY_BYTES:
            read = await asyncio.to_thread(_read, edge, body, door, headers, delivery)
        else:
            read = _read(edge, body, door, headers, delivery)
        parsed = read.parsed
        admission.charge(caller.tenant, len(parsed.drafts))
        if read.records:
            await edge.deps.appender.append(read.records)
    finally:
        admission.release(held[0])
    edge.accepted_alerts[caller.tenant] += len(parsed.drafts)
    edge.deps.count("edge_accepted_alerts", len(parsed.drafts), {"format": door.format_name})
    if parsed.rejected:
        edge.deps.count("edge_refused_alerts", len(parsed.rejected), {"format": door.format_name})
    return Response(
        answer_of(parsed, delivery.trace_id, read.warnings),
        status_code=door.status,
        media_type="application/json",
    )


class _Read(Struct, frozen=True):
    parsed: Parsed
    records: list[Output]
    warnings: tuple[Refused, ...]


def _read(
    edge: Edge, body: bytes, door: Door, headers: dict[str, str], delivery: Delivery
) -> _Read:
    if not body.strip():
        raise invalid("", "the body is empty: send a JSON object or array")
    now_ms = edge.deps.now_ms()
    parsed = _parse(edge, body, door, headers, now_ms)
    records = records_of(parsed, body, delivery, edge.deps.ingest, now_ms)
    return _Read(parsed, records, unknown_fields(body) if door is NATIVE else ())


def _parse(edge: Edge, body: bytes, door: Door, headers: dict[str, str], now_ms: int) -> Parsed:
    """Parse; a body of which nothing is good is a Problem."""
    parsed = parse(body, door.format_name, headers, edge.deps.ingest, now_ms)
    if parsed.drafts or not parsed.rejected:
        return parsed
    first = parsed.rejected[0]
    if first.reason == TOO_MANY:
        limit = edge.deps.ingest.members_max
        raise Problem(413, "too-many", first.detail, more={"limit_alerts": limit})
    where = f"{first.path}: " if first.path else ""
    raise Problem(
        400,
        "invalid",
        f"{where}{first.detail}",
        errors=[(bad.path, bad.detail) for bad in parsed.rejected],
    )


def _delivery(headers: dict[str, str], door: Door, caller: Caller) -> Delivery:
    key = headers.get("idempotency-key", "").strip()
    if len(key) > IDEMPOTENCY_KEY_CHARS_MAX:
        detail = f"over {IDEMPOTENCY_KEY_CHARS_MAX} characters"
        raise Problem(400, "invalid", detail, errors=[("Idempotency-Key", detail)])
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return Delivery(
        tenant=caller.tenant,
        source="" if door.format_name == "native" else door.format_name,
        format_name=door.format_name,
        idempotency_key=key,
        trace_id=found[1] if found else f"{_traces.getrandbits(128):032x}",
        attributes=attributes_of(headers) if door is CLOUDEVENTS else {},
    )


def attributes_of(headers: dict[str, str]) -> dict[str, str]:
    """The headers of a CloudEvent in HTTP's binding: its attributes and its content type."""
    found = {
        name: value[:ATTRIBUTE_CHARS_MAX]
        for name, value in headers.items()
        if name.startswith("ce-") or name == "content-type"
    }
    return dict(list(found.items())[:ATTRIBUTES_MAX])


@post(
    "/api/v1/alerts",
    status_code=202,
    summary="Send alerts in the native format",
    tags=["alerts"],
    operation_class=takes(Draft, is_batch=True),
)
async def post_alerts(request: AnyRequest, edge: TheEdge) -> Response[bytes]:
    """An alert or an array of them. 202 once they are durable, with what was refused."""
    return await take(request, edge, NATIVE)


@post(
    "/api/v1/ingest/alertmanager",
    status_code=202,
    summary="Alertmanager's webhook",
    tags=["alerts"],
)
async def post_webhook(request: AnyRequest, edge: TheEdge) -> Response[bytes]:
    """The `webhook_configs` of Alertmanager, version 4. A limit is a 503, which it repeats."""
    return await take(request, edge, WEBHOOK)


@post("/api/v1/ingest/cloudevents", status_code=202, summary="CloudEvents 1.0", tags=["alerts"])
async def post_cloudevents(request: AnyRequest, edge: TheEdge) -> Response[bytes]:
    """Binary, structured or a batch."""
    return await take(request, edge, CLOUDEVENTS)


@post("/api/v1/ingest/{source:str}", status_code=202, summary="A generic source", tags=["alerts"])
async def post_source(request: AnyRequest, edge: TheEdge, source: FromPath[str]) -> Response[bytes]:
    """JSON of the shape that `ingest.sources` of topology.yaml declares under this name."""
    if source not in edge.deps.ingest.sources:
        known = ", ".join(edge.deps.ingest.sources) or "none"
        raise not_found(f"no source {source[:100]!r} is declared in topology.yaml; known: {known}")
    return await take(request, edge, Door(format_name=source))


@post("/api/v2/alerts", status_code=200, summary="Alertmanager's API v2", tags=["alertmanager"])
async def post_v2(request: AnyRequest, edge: TheEdge) -> Response[bytes]:
    """What Prometheus sends to an Alertmanager. Answers 200, as Alertmanager does."""
    return await take(request, edge, API_V2)


ROUTES: Final = (post_alerts, post_webhook, post_cloudevents, post_source, post_v2)
