"""Dead letters: what could not be processed, and a second chance for it after a fix."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.params import FromPath
from msgspec import Struct

from pipeline.domain import record as header
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
    """A dead letter without its bytes."""

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


def _summary(letter: DeadLetter) -> LetterSummary:
    names = [name for name in LetterSummary.__struct_fields__ if name != "size_bytes"]
    members = {name: getattr(letter, name) for name in names}
    return LetterSummary(**members, size_bytes=len(letter.value))


LETTERS_FILTERS: Final = ("reason", "tenant")


@get(
    "/api/v1/dead-letters",
    summary="List dead letters",
    tags=["dead letters"],
    operation_class=asks(*LETTERS_FILTERS),
)
async def list_letters(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> LetterList:
    """Filters: reason, tenant, limit, cursor."""
    asked = Asked(request, *LETTERS_FILTERS)
    wanted = EntryFilter(word=asked.text("reason"), tenant=tenant_of(asked, caller))
    page = await ask(edge, questions.entries, TOPIC, wanted, asked.limit, asked.cursor)
    return LetterList([_summary(letter) for letter in page.rows], page.next)


async def _find(edge: Edge, caller: Caller, dead_letter_id: str) -> DeadLetter:
    page = await ask(edge, questions.entries, TOPIC, EntryFilter(ref=dead_letter_id), 1)
    if not dead_letter_id or not page.rows or not caller.may_see(page.rows[0].tenant):
        raise not_found(f"there is no dead letter {dead_letter_id[:100]!r}")
    found: DeadLetter = page.rows[0]
    return found


@get("/api/v1/dead-letters/{dead_letter_id:str}", summary="One dead letter", tags=["dead letters"])
async def one_letter(edge: TheEdge, caller: TheCaller, dead_letter_id: FromPath[str]) -> DeadLetter:
    """With its bytes, in base64."""
    return await _find(edge, caller, dead_letter_id)


@post(
    "/api/v1/dead-letters/{dead_letter_id:str}/redrive",
    status_code=202,
    summary="Try a dead letter again",
    tags=["dead letters"],
)
async def redrive(edge: TheEdge, caller: TheCaller, dead_letter_id: FromPath[str]) -> Redriven:
    """Append its bytes to their topic again, as they came. 409 where they are not the edge's."""
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
    ((topic, partition, offset),) = await edge.deps.appender.append([record])
    return Redriven(letter.dead_letter_id, topic, partition, offset)


ROUTES: Final = (list_letters, one_letter, redrive)
