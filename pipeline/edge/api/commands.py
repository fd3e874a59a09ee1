"""Commands: what people ask of an incident, answered with what came of it."""

from __future__ import annotations

import asyncio
import secrets
from hashlib import blake2b
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from pipeline.codec import encode
from pipeline.domain import record as header
from pipeline.domain.audit import AuditRecord
from pipeline.domain.command import KINDS, TEXT_SIZE_MAX, Command
from pipeline.domain.incident import Incident
from pipeline.domain.store import Output
from pipeline.domain.units import Duration
from pipeline.edge.access import Caller
from pipeline.edge.api import incidents
from pipeline.edge.api.asking import TheCaller, ask, body_of, instant_ms
from pipeline.edge.api.incidents import ListedIncident, listed
from pipeline.edge.deps import AnyRequest, Edge, TheEdge
from pipeline.edge.openapi import takes
from pipeline.edge.problem import Problem, invalid, not_found
from pipeline.edge.view import questions
from pipeline.edge.view.questions import EntryFilter

COMMANDS: Final = "commands"
APPLIED: Final = "applied"
AUTHOR_CHARS_MAX: Final = 200
NEEDS: Final = {"note": "text", "reassign": "assignee", "merge": "into", "split": "part"}
"""Kind → the field without which it says nothing; snooze needs `until` or `for`."""


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a command; which fields matter depends on its kind. It may be left out.

    `until` is RFC 3339, `for` a duration such as 2h. `severity` "" takes an override back. `part`
    is what is split off: a service, or the fingerprint of an alert that the incident lists.
    """

    author: str = ""
    text: str = ""
    until: str = ""
    for_: str = msgspec.field(default="", name="for")
    assignee: str = ""
    into: str = ""
    severity: str = ""
    part: str = ""


_decoder: Final = msgspec.json.Decoder(Ask)


class Answered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a command: `applied`, `refused`, or `pending` where nothing is known yet."""

    command_id: str
    result: str
    reason: str = ""
    text: str = ""
    incident: ListedIncident | None = None


@post(
    "/api/v1/incidents/{incident_id:str}/{kind:str}",
    status_code=200,
    summary="Ask something of an incident",
    tags=["incidents"],
    operation_class=takes(Ask),
)
async def command(
    request: AnyRequest,
    edge: TheEdge,
    caller: TheCaller,
    incident_id: FromPath[str],
    kind: FromPath[str],
) -> Response[bytes]:
    """acknowledge, resolve, snooze, reassign, merge, split, note, override, not-useful or page.

    200 applied, 409 refused with the reason, 202 with its id where nothing came of it within 5 s.
    An Idempotency-Key makes a repetition harmless: it gets the first answer.
    """
    if kind not in KINDS:
        raise not_found(f"{kind[:100]!r} is no command; there are {', '.join(KINDS)}")
    asked = await body_of(request, _decoder)
    command_id = id_of(request, caller)
    known = await result_of(edge, caller, command_id)
    if known is not None:
        return await answer(edge, known)
    incident = await incidents.find(edge, caller, incident_id)
    return await run(edge, _command(edge, caller, asked, kind, command_id, incident))


def id_of(request: AnyRequest, caller: Caller) -> str:
    """The id of a command: from its Idempotency-Key, within the caller's tenant, or random."""
    key = request.headers.get("idempotency-key", "").strip()
    if not key:
        return f"c-{secrets.token_hex(16)}"
    whole = f"{caller.tenant}\n{request.scope['path']}\n{key}".encode("utf-8", "replace")
    return f"c-{blake2b(whole, digest_size=16).hexdigest()}"


def _command(
    edge: Edge, caller: Caller, asked: Ask, kind: str, command_id: str, incident: Incident
) -> Command:
    now_ms = edge.deps.now_ms()
    needed = NEEDS.get(kind, "")
    if needed and not getattr(asked, needed).strip():
        raise invalid(needed, f"{kind} needs it")
    if len(asked.text) > TEXT_SIZE_MAX:
        raise invalid("text", f"over {TEXT_SIZE_MAX} characters")
    until_ms = 0
    if kind == "snooze":
        until_ms = _until_ms(asked, now_ms)
    return Command(
        command_id=command_id,
        kind=kind,
        incident_id=incident.incident_id,
        scope_id=incident.scope_id,
        # The incident's own, since an operator acts for every tenant.
        tenant=incident.tenant,
        author=asked.author[:AUTHOR_CHARS_MAX]
        or ("operator" if caller.is_operator else caller.tenant),
        text=asked.text,
        until_ms=until_ms,
        assignee=asked.assignee,
        into=asked.into,
        severity=asked.severity,
        created_at_ms=now_ms,
        part=asked.part,
    )


def _until_ms(asked: Ask, now_ms: int) -> int:
    if bool(asked.until) == bool(asked.for_):
        raise invalid("until", "snooze needs either until (RFC 3339) or for (such as 2h)")
    if asked.until:
        return instant_ms("until", asked.until)
    try:
        return now_ms + Duration.parse(asked.for_)
    except ValueError as error:
        raise invalid("for", str(error)) from None


async def run(edge: Edge, order: Command) -> Response[bytes]:
    """Append a command and wait for what comes of it. Raises Problem 409 where it is refused."""
    headers = {header.TENANT: order.tenant, header.TRACE: secrets.token_hex(16)}
    record = Output(
        topic=COMMANDS, key=order.scope_id, value=encode(order), headers=headers, event=order
    )
    return await append(edge, order.command_id, record)


async def append(edge: Edge, command_id: str, record: Output) -> Response[bytes]:
    """Append what is ordered and wait for what comes of it. Raises Problem 409 where refused."""
    future = edge.view.expect(command_id)
    try:
        await edge.deps.appender.append([record])
        if future is not None:
            async with asyncio.timeout(edge.limits.command_wait_ms / 1000):
                return await answer(edge, await future)
    except TimeoutError:
        pass
    finally:
        if future is not None:
            edge.view.forget(command_id, future)
    return _json(
        Answered(command_id=command_id, result="pending"),
        202,
        {"location": f"/api/v1/commands/{command_id}"},
    )


async def result_of(edge: Edge, caller: Caller, command_id: str) -> AuditRecord | None:
    """What audit says came of a command, if anything yet."""
    wanted = EntryFilter(ref=command_id, tenant="" if caller.is_operator else caller.tenant)
    page = await ask(edge, questions.entries, "audit", wanted, 20)
    return next((record for record in page.rows[::-1] if record.result), None)


async def answer(edge: Edge, record: AuditRecord) -> Response[bytes]:
    """The answer to a command of which it is known what came. Raises Problem 409."""
    if record.result != APPLIED:
        more = {"command_id": record.command_id, "reason": record.reason}
        raise Problem(409, "refused", record.text, more=more)
    about = record.incident_id
    incident = await ask(edge, questions.incident, about) if about else None
    return _json(
        Answered(
            command_id=record.command_id,
            result=record.result,
            reason=record.reason,
            text=record.text,
            incident=None if incident is None else listed(edge, incident),
        ),
        200,
        {},
    )


def _json(value: Any, status_code: int, headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(value),
        status_code=status_code,
        media_type="application/json",
        headers=headers,
    )


@get("/api/v1/commands/{command_id:str}", summary="What came of a command", tags=["incidents"])
async def one_command(
    edge: TheEdge, caller: TheCaller, command_id: FromPath[str]
) -> Response[bytes]:
    """200 applied, 409 refused, 404 where nothing is known of it (yet)."""
    record = await result_of(edge, caller, command_id)
    if record is None:
        raise not_found(f"nothing is known of a command {command_id[:100]!r} (yet)")
    return await answer(edge, record)


ROUTES: Final = (command, one_command)
