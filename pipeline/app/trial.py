"""A trial of one receiver: a test is opened there and resolved again, past rules and outbox."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from msgspec.structs import replace

from pipeline import registry
from pipeline.app import compose
from pipeline.domain.call import CallResult
from pipeline.domain.errors import UsageError
from pipeline.domain.notification import (
    AMBIGUOUS,
    DELIVERED,
    REFUSED,
    RESOLVE,
    TRIGGER,
    Notification,
    Receipt,
)
from pipeline.stages.send.tables import Entry
from pipeline.topology.declared import Topology
from pipeline.wire.client import Client
from pipeline.wire.loop import DeliveryLoop

TITLE: Final = "A test by Tocsin: nothing is wrong"


async def try_receiver(
    topology: Topology,
    name: str,
    *,
    client: Client,
    installation: str,
    now_ms: int,
    events_url: str = "",
) -> Receipt:
    """Trigger and resolve an incident of its own at `name`; the receipt of the last call made.

    The resolve follows an ambiguous trigger too: nothing must stay open behind a test. Raises
    UsageError where there is no such receiver.
    """
    receivers = compose.wiring(topology, installation, events_url=events_url).sections["receivers"]
    if name not in receivers:
        listed = ", ".join(receivers) or "none"
        raise UsageError(f"there is no receiver {name!r}; there are {listed}")
    arrived: asyncio.Queue[CallResult] = asyncio.Queue()
    loop = DeliveryLoop(client, registry.sinks(), receivers, installation, arrived.put_nowait)
    incident_id = f"test-{secrets.token_hex(4)}.1"
    opened = _notification(name, incident_id, TRIGGER, now_ms)
    loop.start(Entry(notification=opened, attempt=1, started_at_ms=now_ms))
    first = _receipt(opened, await arrived.get())
    if first.result == REFUSED:
        return first
    closed = replace(
        opened,
        notification_id=f"{incident_id}/{name}/2",
        sequence=2,
        action=RESOLVE,
        status="resolved",
    )
    loop.start(Entry(notification=closed, attempt=1, started_at_ms=now_ms, ref=first.ref))
    second = _receipt(closed, await arrived.get())
    return first if first.result != DELIVERED else second


def _notification(name: str, incident_id: str, action: str, now_ms: int) -> Notification:
    return Notification(
        notification_id=f"{incident_id}/{name}/1",
        incident_id=incident_id,
        scope_id="test",
        tenant="default",
        receiver=name,
        sequence=1,
        action=action,
        title=TITLE,
        severity="info",
        status="triggered",
        description="Somebody tries whether this receiver can be reached. It resolves by itself.",
        source="tocsin",
        why="a trial",
        starts_at_ms=now_ms,
        received_at_ms=now_ms,
        created_at_ms=now_ms,
        is_test=True,
    )


def _receipt(told: Notification, result: CallResult) -> Receipt:
    outcome = result.outcome
    if result.delivered is not None:
        word = DELIVERED
    elif result.retry is not None and result.retry.is_ambiguous:
        word = AMBIGUOUS
    else:
        word = REFUSED
    return told.receipt(
        word,
        told.created_at_ms + result.took_ms,
        ref=result.delivered.ref if result.delivered else "",
        why=getattr(outcome, "why", ""),
        status_code=outcome.status,
    )
