"""The stage `route`: who is told what of an incident, once, and why others are not."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.incident import Delivery, Held, Incident, Routing
from pipeline.domain.matchers import label_set_of_incident
from pipeline.domain.notification import Receipt
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update, Wake
from pipeline.stages.route import reasons
from pipeline.stages.route.due import Due, decide
from pipeline.stages.route.notify import answered, notification_of, told, withheld
from pipeline.stages.route.tree import Hop, Tree

DELIVERIES_MAX: Final = 50
"""Receivers that are told of one incident; further ones are not, with a reason."""

_PASSES: Final = 3


class RouteStage:
    """Owns `incident.routing`; emits notifications."""

    name = "route"
    accepts = (Update,)
    tables: tuple[TableSpec[Any], ...] = ()

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def process(self, event: Update, ctx: Context) -> None:
        """Decide anew about an incident that changed; a receipt only completes its delivery."""
        incident = event.incident
        if isinstance(event.cause, Receipt):
            routing = answered(incident.routing, event.cause)
        else:
            routing = self._decide(event, ctx)
        _forward(event, routing, ctx)

    def wake(self, key: str, ctx: Context) -> None:
        """Look at an incident again; it goes on only where the answer has changed."""
        incident = ctx.table(INCIDENTS).get(key)
        if incident is None:
            return
        event = Update(
            incident=incident, cause=Wake(stage=self.name, key=key, at_ms=ctx.timestamp_ms)
        )
        routing = self._decide(event, ctx)
        if replace(routing, look_at_ms=incident.routing.look_at_ms) != incident.routing:
            _forward(event, routing, ctx)

    def _decide(self, event: Update, ctx: Context) -> Routing:
        incident, before = event.incident, event.incident.routing
        deliveries = {delivery.receiver: delivery for delivery in before.deliveries}
        was_held = {held.receiver: held.reason for held in before.held}
        held: list[Held] = []
        for receiver, hop in self._concerned(incident, deliveries):
            due = self._tell(event, ctx, receiver, hop, deliveries, was_held.get(receiver, ""))
            held.append(Held(receiver=receiver, reason=due.reason.name, until_ms=due.until_ms))
        looks = [each.until_ms for each in held if each.until_ms]
        return Routing(
            deliveries=tuple(deliveries.values()),
            held=tuple(held),
            look_at_ms=_look_again(incident, min(looks, default=0), ctx),
        )

    def _concerned(
        self, incident: Incident, deliveries: dict[str, Delivery]
    ) -> list[tuple[str, Hop | None]]:
        """The receivers that the routes lead to now, and those that were told before."""
        hops = self._tree.route(label_set_of_incident(incident))
        concerned: list[tuple[str, Hop | None]] = [(hop.receiver, hop) for hop in hops]
        if deliveries:
            reached = {hop.receiver for hop in hops}
            concerned.extend((name, None) for name in deliveries if name not in reached)
        return concerned

    def _tell(
        self,
        event: Update,
        ctx: Context,
        receiver: str,
        hop: Hop | None,
        deliveries: dict[str, Delivery],
        was_held: str,
    ) -> Due:
        """Tell one receiver all that it is due, and return why it is not told more."""
        incident = event.incident
        has_acted = False
        before = deliveries.get(receiver)
        due = decide(before, incident, hop, was_held, ctx.now_ms)
        for _ in range(_PASSES):
            if not due.action:
                break
            if before is None and len(deliveries) >= DELIVERIES_MAX:
                due = Due(reasons.FULL, facts={"most": DELIVERIES_MAX})
                break
            why = _say(due, incident, receiver, ctx)
            delivery = told(before, receiver, due.action, incident.severity, ctx.now_ms)
            deliveries[receiver] = delivery
            ctx.emit(
                "notifications",
                receiver,
                notification_of(event, delivery, why, ctx.origin, ctx.now_ms),
            )
            has_acted = True
            before = delivery
            due = decide(before, incident, hop, due.reason.name, ctx.now_ms)
        if due.reason is reasons.RESOLVED_OFF:
            deliveries[receiver] = withheld(deliveries[receiver])
        if not has_acted and due.reason.name != was_held:
            _say(due, incident, receiver, ctx)
        return due


def _say(due: Due, incident: Incident, receiver: str, ctx: Context) -> str:
    """Give the reason; return it as the sentence that a notification carries."""
    facts = {"receiver": receiver, **due.facts}
    ctx.reason(due.reason, incident_id=incident.incident_id, **facts)
    return due.reason.render({name: str(fact) for name, fact in facts.items()})


def _look_again(incident: Incident, wanted_ms: int, ctx: Context) -> int:
    """Ask to be woken, unless an earlier wake is pending, which will ask again itself."""
    pending_ms = incident.routing.look_at_ms
    if pending_ms <= ctx.now_ms:
        pending_ms = 0
    if wanted_ms and (not pending_ms or wanted_ms < pending_ms):
        ctx.wake_at(incident.incident_id, wanted_ms)
        return wanted_ms
    return pending_ms


def _forward(event: Update, routing: Routing, ctx: Context) -> None:
    if routing == event.incident.routing:
        ctx.forward(event)
    else:
        ctx.forward(Update(incident=replace(event.incident, routing=routing), cause=event.cause))
