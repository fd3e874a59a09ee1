"""One look at one incident: each receiver concerned is told what it is due, or a reason is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.domain.incident import Held, Routing
from pipeline.domain.notification import TRIGGER
from pipeline.domain.stage import Context, Update
from pipeline.stages.route import reasons
from pipeline.stages.route.due import Due, decide, instant
from pipeline.stages.route.mute import Mute
from pipeline.stages.route.notify import notification_of, told, withheld
from pipeline.stages.route.pause import NEVER, Paused
from pipeline.stages.route.tree import Hop

NOTIFICATIONS: Final = "notifications"

DELIVERIES_MAX: Final = 50
"""Receivers that are told of one incident; further ones are not, with a reason."""

_PASSES: Final = 3
"""Actions that one look may owe one receiver: it got worse, and somebody has it."""


class Look:
    """Made for one Update; `tell` each receiver concerned, then take `routing`.

    `ask_mute` says what mutes the incident; asked only where a trigger is due, as it costs most.
    `paused` says whether it is held back as quiet, `risk` under which risk.
    """

    __slots__ = (
        "_ask_mute", "_ctx", "_deliveries", "_event", "_held", "_looks", "_mute", "_paused",
        "_risk", "_was",
    )  # fmt: skip

    def __init__(
        self,
        event: Update,
        ctx: Context,
        ask_mute: Callable[[], Mute],
        paused: Paused = NEVER,
        risk: float = 0.0,
    ) -> None:
        routing = event.incident.routing
        self._event = event
        self._ctx = ctx
        self._ask_mute = ask_mute
        self._mute: Mute | None = None
        self._paused = paused
        self._risk = risk
        self._deliveries = {delivery.receiver: delivery for delivery in routing.deliveries}
        self._was = {held.receiver: held.reason for held in routing.held}
        self._held: dict[str, Held] = {}
        self._looks: list[int] = []

    def concerned(self, hops: tuple[Hop, ...]) -> list[tuple[str, Hop | None]]:
        """The receivers that the routes lead to now, and those that were told before."""
        found: list[tuple[str, Hop | None]] = [(hop.receiver, hop) for hop in hops]
        if self._deliveries:
            reached = {hop.receiver for hop in hops}
            found.extend((name, None) for name in self._deliveries if name not in reached)
        return found

    def tell(self, receiver: str, hop: Hop | None) -> None:
        """Tell one receiver all that it is due, and keep why it is not told more."""
        was = self._was.get(receiver, "")
        due = self._due(receiver, hop, was)
        has_acted = False
        for _ in range(_PASSES):
            if not due.action:
                break
            self._notify(receiver, due)
            has_acted = True
            due = self._due(receiver, hop, due.reason.name)
        if due.reason is reasons.RESOLVED_OFF:
            self._deliveries[receiver] = withheld(self._deliveries[receiver])
        if not has_acted and self._is_news(due, was):
            self._say(receiver, due)
        if due.until_ms:
            self._looks.append(due.until_ms)
        self._held[receiver] = Held(
            receiver=receiver, reason=due.reason.name, until_ms=due.until_ms
        )

    def routing(self) -> Routing:
        """Route's part of the incident after this look; asks to be woken when it may change."""
        look_at_ms = min(self._looks, default=0)
        if look_at_ms:
            self._ctx.wake_at(self._event.incident.incident_id, look_at_ms)
        why = {held.reason for held in self._held.values()}
        is_muted = reasons.MUTED.name in why
        # Only what was due to somebody is held back; before that it has not begun.
        has_begun = self._event.incident.routing.paused_until_ms or reasons.PAUSED.name in why
        paused = self._paused if has_begun else NEVER
        return Routing(
            deliveries=tuple(self._deliveries.values()),
            muted_by=self._mute.by if is_muted and self._mute is not None else (),
            look_at_ms=look_at_ms,
            held=tuple(self._held.values()),
            paused_until_ms=paused.until_ms,
            paused_severity=paused.severity,
        )

    def _due(self, receiver: str, hop: Hop | None, held: str) -> Due:
        before = self._deliveries.get(receiver)
        due = decide(before, self._event.incident, hop, held, self._ctx.now_ms)
        if due.action != TRIGGER:
            return due
        if before is None and len(self._deliveries) >= DELIVERIES_MAX:
            return Due(reasons.FULL, facts={"most": DELIVERIES_MAX})
        if before is None and self._paused.until_ms:
            if not self._paused.ended:
                return self._quiet()
            if held == reasons.PAUSED.name:
                due = Due(reasons.RELEASED, TRIGGER, facts={"because": self._paused.ended})
        if self._mute is None:
            self._mute = self._ask_mute()
        if not self._mute.by:
            return due
        self._looks.append(self._mute.look_at_ms)
        return Due(
            reasons.MUTED, until_ms=self._mute.until_ms, facts={"by": ", ".join(self._mute.by)}
        )

    def _quiet(self) -> Due:
        """Held back, with what says so."""
        made = self._event.incident.classification
        is_noise = made.quiet_head == "noise"
        chance = made.noise_chance if is_noise else made.self_resolving_chance
        facts = {
            "until": instant(self._paused.until_ms),
            "head": made.quiet_head.replace("_", "-"),
            "chance": f"{chance:.2%}",
            "limit": f"{made.quiet_from:.2%}",
            "risk": f"{self._risk:.1%}",
        }
        return Due(reasons.PAUSED, until_ms=self._paused.until_ms, facts=facts)

    def _is_news(self, due: Due, was: str) -> bool:
        if due.reason is reasons.MUTED and self._mute is not None:
            return was != due.reason.name or self._mute.by != self._event.incident.routing.muted_by
        return was != due.reason.name

    def _notify(self, receiver: str, due: Due) -> None:
        ctx, incident = self._ctx, self._event.incident
        before = self._deliveries.get(receiver)
        delivery = told(before, incident, receiver, due.action, ctx.now_ms)
        self._deliveries[receiver] = delivery
        why = self._say(receiver, due)
        made = notification_of(self._event, delivery, why, ctx.origin, ctx.now_ms)
        ctx.emit(NOTIFICATIONS, receiver, made)

    def _say(self, receiver: str, due: Due) -> str:
        """Give the reason; return it as the sentence that a notification carries."""
        facts = {"receiver": receiver, **due.facts}
        self._ctx.reason(due.reason, incident_id=self._event.incident.incident_id, **facts)
        return due.reason.render({name: str(fact) for name, fact in facts.items()})
