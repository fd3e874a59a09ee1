"""The stage `announce`: each new change of a service is told once to each receiver that asks.

A change is no incident and pages nobody: PagerDuty shows it beside the incidents of its service.
Its notifications go through the same outbox; all of one service stand in one lane, in their order.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.domain.catalog import Change, ChangeEntry
from pipeline.domain.ids import digest64
from pipeline.domain.notification import CHANGE, Link, Notification
from pipeline.domain.stage import Context, Event, TableSpec
from pipeline.stages.announce import reasons
from pipeline.stages.announce.news import news_of
from pipeline.stages.announce.tables import ANNOUNCED, SEEN_MAX, Announced

NOTIFICATIONS: Final = "notifications"


class AnnounceStage:
    """Change in; notifications out."""

    name = "announce"
    accepts: tuple[type[Event], ...] = (Change,)
    tables: tuple[TableSpec[Any], ...] = (ANNOUNCED,)

    def __init__(self, receivers: tuple[str, ...]) -> None:
        self._receivers = receivers

    def process(self, event: Change, ctx: Context) -> None:
        """Tell what is new in a service's last changes, and remember all of them."""
        key = digest64("change", event.service)
        row = ctx.table(ANNOUNCED).get(key) or Announced()
        news = news_of(event, row.change_ids, ctx.now_ms)
        if not news:
            ctx.reason(reasons.NO_NEWS, service=event.service)
        for sequence, entry in enumerate(news, row.sequence + 1):
            for receiver in self._receivers:
                told = _notification(key, event.service, entry, receiver, sequence, ctx)
                ctx.reason(reasons.TOLD, receiver=receiver, kind=entry.kind, service=event.service)
                ctx.emit(NOTIFICATIONS, receiver, told)
        now = dict.fromkeys(entry.change_id for entry in event.entries)
        seen = (*now, *(known for known in row.change_ids if known not in now))[:SEEN_MAX]
        ctx.table(ANNOUNCED).put(key, Announced(row.sequence + len(news), seen))

    def wake(self, key: str, ctx: Context) -> None:
        """It asks for none."""


def _notification(
    scope: str, service: str, entry: ChangeEntry, receiver: str, sequence: int, ctx: Context
) -> Notification:
    incident_id = f"{scope}.{CHANGE}"
    labels = {"kind": entry.kind, "author": entry.author, "change_id": entry.change_id}
    return Notification(
        notification_id=f"{incident_id}/{receiver}/{sequence}",
        incident_id=incident_id,
        scope_id=scope,
        tenant=ctx.origin.tenant,
        receiver=receiver,
        sequence=sequence,
        action=CHANGE,
        title=entry.summary or f"{entry.kind} of {service}",
        severity="info",
        status="",
        service=service,
        source=service,
        labels={name: text for name, text in labels.items() if text},
        links=_links(entry.link),
        why=f"{service} was changed",
        starts_at_ms=entry.at_ms,
        created_at_ms=ctx.now_ms,
        trace_id=ctx.origin.trace_id,
        origin=ctx.origin.text,
    )


def _links(href: str) -> tuple[Link, ...]:
    return (Link(href=href, text="Change"),) if href.startswith(("https://", "http://")) else ()
