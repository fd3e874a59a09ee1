"""Silences: list, make, preview and end them. They take effect two seconds after the answer."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath
from msgspec import Struct
from msgspec.structs import replace

from pipeline.codec import encode
from pipeline.domain import record as header
from pipeline.domain.ids import digest64
from pipeline.domain.incident import ACKNOWLEDGED, TRIGGERED, Incident
from pipeline.domain.silence import Silence
from pipeline.domain.store import Output
from pipeline.domain.units import Duration
from pipeline.edge.access import Caller
from pipeline.edge.api.asking import Asked, TheCaller, ask, body_of, instant_ms
from pipeline.edge.api.incidents import tenant_of
from pipeline.edge.deps import AnyRequest, Edge, TheEdge
from pipeline.edge.openapi import asks, takes
from pipeline.edge.problem import Problem, invalid, not_found
from pipeline.edge.view import questions
from pipeline.edge.view.cursor import read_cursor, write_cursor
from pipeline.edge.view.questions import LIMIT_MAX, IncidentFilter
from pipeline.oncall.maintenance import Calendar
from pipeline.stages.route.config import DEFAULT_SCOPE
from pipeline.stages.route.preview import Preview, preview
from pipeline.stages.route.silences import read_matchers

TOPIC: Final = "silences"
AHEAD_MS: Final = 2_000
"""By then every worker has it: design, section 3."""

MATCHERS_MAX: Final = 50
COMMENT_CHARS_MAX: Final = 5_000
PREVIEWED_MAX: Final = 20_000
"""Open incidents that a preview looks at, the latest."""

NEVER: Final = (
    "this rule has no occurrence between starts_at and ends_at: it would mute nothing, ever"
)
STATES: Final = ("pending", "active", "expired")


class NewSilence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to mute, and when. `starts_at` is now where it is absent; an end is `ends_at` or, of
    a plain silence, a `duration`. With an `rrule` it is a maintenance, and `duration` is the
    length of each of its windows.
    """

    matchers: tuple[str, ...]
    starts_at: str = ""
    ends_at: str = ""
    duration: str = ""
    comment: str = ""
    created_by: str = ""
    tenant: str = ""
    """Whose alerts: only an operator may name another than its own."""
    rrule: str = ""
    time_zone: str = "UTC"


_decoder: Final = msgspec.json.Decoder(NewSilence)


class ListedSilence(Silence, frozen=True, kw_only=True):
    """A Silence, and whether it mutes now: pending, active or expired. `next_start_ms` is when
    the window begins that it mutes in now or next (0: in none any more).
    """

    state: str
    next_start_ms: int


class SilenceList(Struct, frozen=True):
    """Silences by their id; `next` is the cursor of the following ones."""

    silences: list[ListedSilence]
    next: str | None


def shown(silence: Silence, now_ms: int) -> ListedSilence:
    """A silence as the API shows it at this instant."""
    state, next_start_ms = "expired", 0
    if now_ms < silence.ends_at_ms:
        try:
            windows = Calendar(silence).windows(now_ms, 1)
        except ValueError:
            windows = ()
        if windows:
            next_start_ms = windows[0].start_ms
            state = "active" if next_start_ms <= now_ms else "pending"
    members = {name: getattr(silence, name) for name in Silence.__struct_fields__}
    return ListedSilence(**members, state=state, next_start_ms=next_start_ms)


def silence_of(asked: NewSilence, caller: Caller, silence_id: str, now_ms: int) -> Silence:
    """The silence that is asked for. Raises Problem 400 that names what is wrong."""
    if len(asked.matchers) > MATCHERS_MAX:
        raise invalid("matchers", f"over {MATCHERS_MAX}")
    if len(asked.comment) > COMMENT_CHARS_MAX:
        raise invalid("comment", f"over {COMMENT_CHARS_MAX} characters")
    starts_at_ms = instant_ms("starts_at", asked.starts_at) if asked.starts_at else now_ms
    try:
        duration_ms = int(Duration.parse(asked.duration)) if asked.duration else 0
    except ValueError as error:
        raise invalid("duration", str(error)) from None
    if asked.ends_at:
        ends_at_ms = instant_ms("ends_at", asked.ends_at)
    elif duration_ms and not asked.rrule:
        ends_at_ms, duration_ms = starts_at_ms + duration_ms, 0
    else:
        raise invalid("ends_at", "a silence needs an end: ends_at, or a duration such as 2h")
    if ends_at_ms <= now_ms:
        raise invalid("ends_at", "lies in the past: such a silence mutes nothing")
    silence = Silence(
        silence_id=silence_id,
        tenant=_tenant(asked, caller),
        matchers=asked.matchers,
        starts_at_ms=starts_at_ms,
        ends_at_ms=ends_at_ms,
        created_by=asked.created_by or ("operator" if caller.is_operator else caller.tenant),
        comment=asked.comment,
        created_at_ms=now_ms,
        effective_at_ms=now_ms + AHEAD_MS,
        rrule=asked.rrule,
        duration_ms=duration_ms,
        time_zone=asked.time_zone,
    )
    try:
        read_matchers(silence)
    except ValueError as error:
        raise invalid("matchers", str(error)) from None
    try:
        windows = Calendar(silence).windows(now_ms, 1)
    except ValueError as error:
        raise invalid("rrule" if asked.rrule else "ends_at", str(error)) from None
    if asked.rrule and not windows:
        raise invalid("rrule", NEVER)
    return silence


def _tenant(asked: NewSilence, caller: Caller) -> str:
    if asked.tenant and not caller.may_see(asked.tenant):
        raise Problem(403, "forbidden", f"not your tenant: {asked.tenant[:100]!r}")
    return asked.tenant or caller.tenant


def _id(request: AnyRequest, caller: Caller) -> str:
    """From an Idempotency-Key, so that a repetition is the same silence; else random."""
    key = request.headers.get("idempotency-key", "").strip()
    return f"s-{digest64(caller.tenant, key) if key else secrets.token_hex(8)}"


async def _write(edge: Edge, silence: Silence) -> None:
    record = Output(
        topic=TOPIC,
        key=silence.silence_id,
        value=encode(silence),
        headers={header.TENANT: silence.tenant},
        event=silence,
    )
    await edge.deps.appender.append([record])


SILENCES_FILTERS: Final = ("state", "tenant")


@get(
    "/api/v1/silences",
    summary="List silences",
    tags=["silences"],
    operation_class=asks(*SILENCES_FILTERS),
)
async def list_silences(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> SilenceList:
    """Filters: state (pending, active, expired), tenant, limit, cursor."""
    asked = Asked(request, *SILENCES_FILTERS)
    states = asked.words("state", STATES)
    now_ms = edge.deps.now_ms()
    found = await ask(edge, questions.things, TOPIC, tenant_of(asked, caller))
    after = _after(asked.cursor)
    rows = [shown(silence, now_ms) for silence in found if silence.silence_id > after]
    rows = [row for row in rows if not states or row.state in states]
    page, limit = rows[: asked.limit], asked.limit
    return SilenceList(page, write_cursor((0, page[-1].silence_id)) if len(rows) > limit else None)


def _after(cursor: str) -> str:
    try:
        return read_cursor(cursor)[1] if cursor else ""
    except ValueError as error:
        raise invalid("cursor", str(error)) from None


@post("/api/v1/silences", summary="Mute", tags=["silences"], operation_class=takes(NewSilence))
async def add_silence(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> ListedSilence:
    """201 with the silence; `effective_at_ms` says from when on every worker knows it."""
    now_ms = edge.deps.now_ms()
    silence = silence_of(await body_of(request, _decoder), caller, _id(request, caller), now_ms)
    await _write(edge, silence)
    return shown(silence, now_ms)


@post(
    "/api/v1/silences/preview",
    status_code=200,
    summary="What a silence would mute",
    tags=["silences"],
    operation_class=takes(NewSilence),
)
async def preview_silence(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> Preview:
    """The open incidents that it would mute now, and its next windows. Nothing is written."""
    now_ms = edge.deps.now_ms()
    silence = silence_of(await body_of(request, _decoder), caller, _id(request, caller), now_ms)
    wanted = IncidentFilter(tenant=silence.tenant, statuses=(TRIGGERED, ACKNOWLEDGED))
    found: list[Incident] = []
    cursor: str | None = ""
    while cursor is not None and len(found) < PREVIEWED_MAX:
        page = await ask(edge, questions.incidents, wanted, LIMIT_MAX, cursor)
        found += page.rows
        cursor = page.next
    try:
        topology = edge.deps.topology
        return preview(
            silence, found, now_ms, scope=DEFAULT_SCOPE if topology is None else topology.scope
        )
    except ValueError as error:
        raise invalid("ends_at", str(error)) from None


async def _expire(edge: Edge, caller: Caller, silence_id: str) -> ListedSilence:
    silence: Silence | None = await ask(edge, questions.thing, TOPIC, silence_id)
    if silence is None or not caller.may_see(silence.tenant):
        raise not_found(f"there is no silence {silence_id[:100]!r}")
    now_ms = edge.deps.now_ms()
    if silence.ends_at_ms > now_ms:
        starts_at_ms = min(silence.starts_at_ms, now_ms - 1)
        silence = replace(silence, starts_at_ms=starts_at_ms, ends_at_ms=now_ms)
        await _write(edge, silence)
    return shown(silence, now_ms)


@post(
    "/api/v1/silences/{silence_id:str}/expire",
    status_code=200,
    summary="End a silence now",
    tags=["silences"],
)
async def expire_silence(
    edge: TheEdge, caller: TheCaller, silence_id: FromPath[str]
) -> ListedSilence:
    """The silence as it now is; one that is over stays as it was."""
    return await _expire(edge, caller, silence_id)


@delete(
    "/api/v1/silences/{silence_id:str}",
    status_code=200,
    summary="End a silence now",
    tags=["silences"],
)
async def delete_silence(
    edge: TheEdge, caller: TheCaller, silence_id: FromPath[str]
) -> ListedSilence:
    """The same as `expire`."""
    return await _expire(edge, caller, silence_id)


ROUTES: Final = (list_silences, add_silence, preview_silence, expire_silence, delete_silence)
