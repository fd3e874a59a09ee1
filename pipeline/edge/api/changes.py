"""Services of the catalog, and changes of them: deploys and configuration, as CI reports them."""

from __future__ import annotations

import secrets
from typing import Annotated, Final

import msgspec
from litestar import get, post
from msgspec import Meta, Struct

from pipeline.domain.catalog import Change, ChangeEntry, Service
from pipeline.edge.api.asking import Asked, TheCaller, ask, body_of, instant_ms
from pipeline.edge.deps import AnyRequest, TheEdge
from pipeline.edge.openapi import takes
from pipeline.edge.problem import invalid
from pipeline.edge.view import questions
from pipeline.edge.view.cursor import read_cursor, write_cursor

TOPIC: Final = "changes"
BATCH_MAX: Final = 1_000

_Name = Annotated[str, Meta(min_length=1, max_length=300)]
_Short = Annotated[str, Meta(max_length=1_000)]


class NewChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deploy or configuration change. `at` is RFC 3339, now where it is absent; the same
    `change_id` again replaces what was said before.
    """

    service: _Name
    summary: _Short
    kind: _Short = "deploy"
    change_id: _Short = ""
    at: _Short = ""
    author: _Short = ""
    link: _Short = ""


_decoder: Final = msgspec.json.Decoder(NewChange | list[NewChange])


class Changed(Struct, frozen=True):
    """How many changes were taken, and of which services."""

    accepted: int
    services: list[str]


class ServiceList(Struct, frozen=True):
    """Services by name; `next` is the cursor of the following ones."""

    services: list[Service]
    next: str | None


class ChangeList(Struct, frozen=True):
    """The last changes of each service, by name; `next` is the cursor of the following ones."""

    changes: list[Change]
    next: str | None


@post(
    "/api/v1/changes",
    status_code=202,
    summary="Report changes of services",
    tags=["catalog"],
    operation_class=takes(NewChange, is_batch=True),
)
async def post_changes(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> Changed:
    """A change or an array of them; the last 20 of each service are kept."""
    given = await body_of(request, _decoder)
    news = given if isinstance(given, list) else [given]
    if len(news) > BATCH_MAX:
        raise invalid("", f"{len(news)} changes in one batch, the limit is {BATCH_MAX}")
    now_ms = edge.deps.now_ms()
    added: dict[str, list[ChangeEntry]] = {}
    for number, new in enumerate(news):
        path = f"[{number}].at" if isinstance(given, list) else "at"
        entry = ChangeEntry(
            change_id=new.change_id or secrets.token_hex(8),
            kind=new.kind,
            summary=new.summary,
            at_ms=instant_ms(path, new.at) if new.at else now_ms,
            author=new.author,
            link=new.link,
        )
        added.setdefault(new.service, []).append(entry)
    if added:
        await edge.change_book.write(caller.tenant, added)
    return Changed(len(news), list(added))


def _after(asked: Asked) -> str:
    try:
        return read_cursor(asked.cursor)[1] if asked.cursor else ""
    except ValueError as error:
        raise invalid("cursor", str(error)) from None


@get("/api/v1/services", summary="List services", tags=["catalog"])
async def list_services(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> ServiceList:
    """The catalog, by name."""
    asked = Asked(request)
    after = _after(asked)
    found = [one for one in await ask(edge, questions.things, "services") if one.name > after]
    page = found[: asked.limit]
    more = len(found) > len(page)
    return ServiceList(page, write_cursor((0, page[-1].name)) if more else None)


@get("/api/v1/changes", summary="List changes", tags=["catalog"])
async def list_changes(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> ChangeList:
    """The last changes of each service."""
    asked = Asked(request)
    after = _after(asked)
    found = [one for one in await ask(edge, questions.things, TOPIC) if one.service > after]
    page = found[: asked.limit]
    more = len(found) > len(page)
    return ChangeList(page, write_cursor((0, page[-1].service)) if more else None)


ROUTES: Final = (post_changes, list_services, list_changes)
