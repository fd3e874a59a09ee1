"""Dead letters: what could not be processed, and a second chance for it after a fix."""

from __future__ import annotations

import asyncio
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from msgspec import Struct

from pipeline.codec import encode
from pipeline.domain import record as header
from pipeline.domain.audit import AuditRecord
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.store import Output
from pipeline.edge.access import Caller
from pipeline.edge.api.asking import Asked, TheCaller, ask
from pipeline.edge.api.incidents import tenant_of
from pipeline.edge.deps import AnyRequest, Edge, TheEdge
from pipeline.edge.openapi import asks
from pipeline.edge.problem import Problem, not_found
from pipeline.edge.view import questions
from pipeline.edge.view.questions import EntryFilter
from pipeline.edge.view.rows import AUDIT, REDRIVE

TOPIC: Final = "dead-letters"
REDRIVEN_FROM: Final = "redriven-from"
OURS: Final = ("raw-alerts", "commands")
"""Topics that the edge itself writes; what died elsewhere comes again from these by a replay."""

_CARRIED: Final[tuple[str, ...]] = (
    header.FORMAT,
    header.SOURCE,
    header.TRACE,
    header.IDEMPOTENCY,
    "content-type",
)


class LetterSummary(Struct, frozen=True, kw_only=True):
    """A dead letter without its bytes. `redriven_from` is the id of the letter that it was
    before it was redriven and refused again; `redriven_at_ms` is 0 while it never was.
    """

    dead_letter_id: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    index: int
    agent: str
    stage: str
    tenant: str
    at_ms: int
    size_bytes: int
    redriven_from: str
    redriven_at_ms: int


class WholeLetter(DeadLetter, frozen=True, kw_only=True):
    """A dead letter with its bytes, and the same of its being redriven as in the list."""

    redriven_from: str
    redriven_at_ms: int


class LetterList(Struct, frozen=True):
    """Dead letters, the latest first; `next` is the cursor of the following ones."""

    dead_letters: list[LetterSummary]
    next: str | None


class Redriven(Struct, frozen=True):
    """Where the bytes now stand again."""

    dead_letter_id: str
    topic: str
    partition: int
    offset: int


def _summary(letter: DeadLetter, redriven_at_ms: int) -> LetterSummary:
    names = [name for name in LetterSummary.__struct_fields__ if hasattr(letter, name)]
    return LetterSummary(
        **{name: getattr(letter, name) for name in names},
        size_bytes=len(letter.value),
        redriven_from=letter.headers.get(REDRIVEN_FROM, ""),
        redriven_at_ms=redriven_at_ms,
    )


LETTERS_FILTERS: Final = ("reason", "tenant", "redriven")


@get(
    "/api/v1/dead-letters",
    summary="List dead letters",
    tags=["dead letters"],
    operation_class=asks(*LETTERS_FILTERS),
)
async def list_letters(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> LetterList:
    """Filters: reason, tenant, redriven (true, false), limit, cursor."""
    asked = Asked(request, *LETTERS_FILTERS)
    wanted = EntryFilter(
        word=asked.text("reason"),
        tenant=tenant_of(asked, caller),
        is_redriven=asked.truth("redriven"),
    )
    page = await ask(edge, questions.entries, TOPIC, wanted, asked.limit, asked.cursor)
    ids = [letter.dead_letter_id for letter in page.rows]
    marks = await ask(edge, questions.redriven_at_ms, ids)
    rows = [_summary(letter, marks.get(letter.dead_letter_id, 0)) for letter in page.rows]
    return LetterList(rows, page.next)


async def _find(edge: Edge, caller: Caller, dead_letter_id: str) -> DeadLetter:
    page = await ask(edge, questions.entries, TOPIC, EntryFilter(ref=dead_letter_id), 1)
    if not dead_letter_id or not page.rows or not caller.may_see(page.rows[0].tenant):
        raise not_found(f"there is no dead letter {dead_letter_id[:100]!r}")
    found: DeadLetter = page.rows[0]
    return found


@get("/api/v1/dead-letters/{dead_letter_id:str}", summary="One dead letter", tags=["dead letters"])
async def one_letter(
    edge: TheEdge, caller: TheCaller, dead_letter_id: FromPath[str]
) -> WholeLetter:
    """With its bytes, in base64."""
    letter = await _find(edge, caller, dead_letter_id)
    marks = await ask(edge, questions.redriven_at_ms, [letter.dead_letter_id])
    return WholeLetter(
        **{name: getattr(letter, name) for name in DeadLetter.__struct_fields__},
        redriven_from=letter.headers.get(REDRIVEN_FROM, ""),
        redriven_at_ms=marks.get(letter.dead_letter_id, 0),
    )


@post(
    "/api/v1/dead-letters/{dead_letter_id:str}/redrive",
    status_code=202,
    summary="Try a dead letter again",
    tags=["dead letters"],
)
async def redrive(edge: TheEdge, caller: TheCaller, dead_letter_id: FromPath[str]) -> Redriven:
    """Append its bytes to their topic again, as they came, and mark it as redriven: where it is
    refused again, a new dead letter says from which it came. 409 where they are not the edge's.
    """
    letter = await _find(edge, caller, dead_letter_id)
    if letter.topic not in OURS or not letter.value:
        came = f"from {letter.topic}" if letter.topic else "from a timer"
        raise Problem(
            409,
            "refused",
            f"it came {came}: only what came from {' or '.join(OURS)} can be redriven",
        )
    headers = {
        name: value
        for name, value in letter.headers.items()
        if name in _CARRIED or name.startswith(("ce-", "ce_"))
    }
    headers[REDRIVEN_FROM] = letter.dead_letter_id
    if letter.tenant:
        headers[header.TENANT] = letter.tenant
    record = Output(topic=letter.topic, key=letter.key, value=letter.value, headers=headers)
    topic, partition, offset = await _append(edge, record, _mark(letter, edge.deps.now_ms()))
    return Redriven(letter.dead_letter_id, topic, partition, offset)


def _mark(letter: DeadLetter, now_ms: int) -> AuditRecord:
    return AuditRecord(
        at_ms=now_ms,
        tenant=letter.tenant,
        agent="edge",
        stage="",
        reason="edge.redriven",
        text=f"dead letter {letter.dead_letter_id} was put onto {letter.topic} again",
        command_id=REDRIVE + letter.dead_letter_id,
        result="applied",
    )


async def _append(edge: Edge, record: Output, mark: AuditRecord) -> tuple[str, int, int]:
    """Append both, and wait until the view knows the mark, so that whoever asks next for what
    was not redriven yet does not get this one again.
    """
    headers = {header.TENANT: mark.tenant} if mark.tenant else {}
    marking = Output(topic=AUDIT, key=mark.tenant, value=encode(mark), headers=headers, event=mark)
    future = edge.view.expect(mark.command_id)
    try:
        places = await edge.deps.appender.append([record, marking])
        if future is not None:
            # Without it the mark is on the log all the same: the view only learns of it later.
            await asyncio.wait([future], timeout=edge.limits.command_wait_ms / 1000)
    finally:
        if future is not None:
            edge.view.forget(mark.command_id, future)
    return places[0]


ROUTES: Final = (list_letters, one_letter, redrive)
