"""Notices: notifications that were asked for, and the receipts of what became of them."""

from __future__ import annotations

from typing import Final

from litestar import get
from msgspec import Struct

from pipeline.domain.notification import ACTIONS, RESULTS, Notification, Receipt
from pipeline.edge.api.asking import Asked, TheCaller, ask
from pipeline.edge.api.incidents import tenant_of
from pipeline.edge.deps import AnyRequest, TheEdge
from pipeline.edge.openapi import asks
from pipeline.edge.view import questions
from pipeline.edge.view.questions import EntryFilter


class ReceiptList(Struct, frozen=True):
    """Receipts, the latest first; `next` is the cursor of the following ones."""

    receipts: list[Receipt]
    next: str | None


class NotificationList(Struct, frozen=True):
    """Notifications, the latest first; `next` is the cursor of the following ones."""

    notifications: list[Notification]
    next: str | None


RECEIPTS_FILTERS: Final = ("incident", "receiver", "result", "tenant")


@get(
    "/api/v1/receipts",
    summary="List receipts",
    tags=["notifications"],
    operation_class=asks(*RECEIPTS_FILTERS),
)
async def list_receipts(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> ReceiptList:
    """Filters: incident, receiver, result, tenant, limit, cursor."""
    asked = Asked(request, *RECEIPTS_FILTERS)
    wanted = EntryFilter(
        incident_id=asked.text("incident"),
        receiver=asked.text("receiver"),
        word=_one(asked, "result", RESULTS),
        tenant=tenant_of(asked, caller),
    )
    page = await ask(edge, questions.entries, "receipts", wanted, asked.limit, asked.cursor)
    return ReceiptList(page.rows, page.next)


NOTIFICATIONS_FILTERS: Final = ("incident", "receiver", "action", "tenant")


@get(
    "/api/v1/notifications",
    summary="List notifications",
    tags=["notifications"],
    operation_class=asks(*NOTIFICATIONS_FILTERS),
)
async def list_notifications(
    request: AnyRequest, edge: TheEdge, caller: TheCaller
) -> NotificationList:
    """Filters: incident, receiver, action, tenant, limit, cursor."""
    asked = Asked(request, *NOTIFICATIONS_FILTERS)
    wanted = EntryFilter(
        incident_id=asked.text("incident"),
        receiver=asked.text("receiver"),
        word=_one(asked, "action", ACTIONS),
        tenant=tenant_of(asked, caller),
    )
    page = await ask(edge, questions.entries, "notifications", wanted, asked.limit, asked.cursor)
    return NotificationList(page.rows, page.next)


def _one(asked: Asked, name: str, known: tuple[str, ...]) -> str:
    asked.text(name)
    (word,) = asked.words(name, known)[:1] or ("",)
    return word


ROUTES: Final = (list_receipts, list_notifications)
