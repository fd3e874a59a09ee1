"""The stage `send`: notifications go through an outbox, are called after the commit, and end in
exactly one receipt each.

An entry that becomes `calling` is performed by the delivery loop once it is committed; what came
back enters as a CallResult, and its receipt is committed together with the entry's removal. So a
crash can repeat a call and never lose one. Three kinds of wakes: `lane/<receiver>/<incident>`
(a retry, an overdue call, an old lane), `receiver/<receiver>` (calls may begin again).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.domain.call import CallResult
from pipeline.domain.notification import Notification
from pipeline.domain.sink import Sink
from pipeline.domain.stage import Context, Event, TableSpec
from pipeline.domain.units import Duration, Rate
from pipeline.domain.wiring import Wiring
from pipeline.stages.send import reasons
from pipeline.stages.send.admission import ADMITTED, KNOWN, admit
from pipeline.stages.send.config import Receiver
from pipeline.stages.send.desk import Desk, Place
from pipeline.stages.send.receipts import give_receipt
from pipeline.stages.send.tables import CALLING, LANES, OUTBOX, RECEIVERS, TICKETS, Entry

GONE: Final = Receiver(sink="", rate=Rate(2**40), in_flight_max=2**20, give_up=Duration(1))
"""Stands for a receiver that is no longer declared: what waits for it is refused at its turn."""


class SendStage:
    """Deliver's one stage. It decides when to call; the loop outside does."""

    name = "send"
    accepts: tuple[type[Event], ...] = (Notification, CallResult)
    tables: tuple[TableSpec[Any], ...] = (OUTBOX, LANES, RECEIVERS, TICKETS)

    def __init__(self, wiring: Wiring) -> None:
        self._receivers: Mapping[str, Receiver] = wiring.sections.get("receivers", {})
        for name in self._receivers:
            if not name or "/" in name:
                raise ValueError(f"receiver {name!r}: a name is not empty and has no slash")
        self._sinks: Mapping[str, Sink] = wiring.sinks
        self._slot = wiring.slot
        self._is_dry = wiring.is_dry

    def process(self, event: Notification | CallResult, ctx: Context) -> None:
        """Take a notification into the outbox, or a call's result out of it."""
        if isinstance(event, Notification):
            self._take_in(event, ctx)
        else:
            self._take_back(event, ctx)

    def wake(self, key: str, ctx: Context) -> None:
        """A lane's or a receiver's timer is due."""
        kind, _, rest = key.partition("/")
        receiver, _, incident_id = rest.partition("/")
        desk = self._desk(receiver, ctx)
        if kind == "lane":
            desk.wake_lane(incident_id)
        else:
            desk.wake_receiver()
        desk.close()

    def owner_of_wake(self, key: str) -> str:
        """The receiver: `lane/<receiver>/<incident>` or `receiver/<receiver>`."""
        return key.split("/", 2)[1]

    def _take_in(self, told: Notification, ctx: Context) -> None:
        config = self._receivers.get(told.receiver)
        desk = self._desk(told.receiver, ctx)
        lane = desk.lane(told.incident_id)
        admission = admit(told, config, lane, desk.count, is_dry=self._is_dry)
        if admission is KNOWN:
            ctx.reason(reasons.KNOWN, receiver=told.receiver)
        elif admission is ADMITTED:
            ctx.reason(reasons.QUEUED, receiver=told.receiver, action=told.action)
            desk.admit(lane, told)
            desk.close()
        else:
            give_receipt(ctx, Entry(notification=told), admission.result, admission.why, lane.ref)

    def _take_back(self, result: CallResult, ctx: Context) -> None:
        entry = ctx.table(OUTBOX).get(result.key)
        if entry is None or entry.state != CALLING or entry.attempt != result.attempt:
            ctx.reason(reasons.LATE_RESULT, attempt=result.attempt)
            return
        told = entry.notification
        desk = self._desk(told.receiver, ctx)
        desk.settle(told.incident_id, entry, result.outcome)
        desk.close()

    def _desk(self, receiver: str, ctx: Context) -> Desk:
        config = self._receivers.get(receiver, GONE)
        sink = self._sinks.get(config.sink)
        has_idempotency = sink is not None and sink.has_idempotency
        place = Place(receiver, config, self._slot, has_idempotency, self._is_dry)
        return Desk(place, ctx)
