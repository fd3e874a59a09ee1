"""The stage `route`: who is told what of an incident, once, and why others are not."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.ids import scope_of
from pipeline.domain.incident import Incident, Routing
from pipeline.domain.matchers import label_set_of_incident
from pipeline.domain.notification import Receipt
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update, Wake
from pipeline.stages.route import mute, sources
from pipeline.stages.route.config import DEFAULT_SCOPE, Pause
from pipeline.stages.route.firing import firing_alerts
from pipeline.stages.route.inhibit import Inhibitions
from pipeline.stages.route.lasted import counted, kind_key, lasted_ms, learned_ms
from pipeline.stages.route.look import Look
from pipeline.stages.route.notify import answered
from pipeline.stages.route.pause import NEVER, Paused, Policy, decide, kept
from pipeline.stages.route.silences import Silences
from pipeline.stages.route.tables import HELD_BACK, LASTED, SOURCES
from pipeline.stages.route.tree import Tree

SILENCES: Final = "silences"


class RouteStage:
    """Owns `incident.routing`; emits notifications."""

    name = "route"
    accepts = (Update,)
    tables: tuple[TableSpec[Any], ...] = (SOURCES, HELD_BACK, LASTED)

    def __init__(
        self,
        tree: Tree,
        inhibitions: Inhibitions,
        scope: tuple[str, ...] = DEFAULT_SCOPE,
        pause: Pause | None = None,
    ) -> None:
        self._policy = Policy(pause or Pause())
        self._tree = tree
        self._scope = scope
        self._inhibitions = inhibitions
        self._silences = Silences()

    def process(self, event: Update, ctx: Context) -> None:
        """Decide anew about an incident that changed; a receipt only completes its delivery."""
        if isinstance(event.cause, Receipt):
            routing = answered(event.incident.routing, event.cause)
        else:
            routing = self._decide(event, ctx)
        _forward(event, routing, ctx)

    def wake(self, key: str, ctx: Context) -> None:
        """Look at an incident again; it goes on only where the answer has changed."""
        incident = ctx.table(INCIDENTS).get(key)
        if incident is None:
            return
        cause = Wake(stage=self.name, key=key, at_ms=ctx.timestamp_ms)
        event = Update(incident=incident, cause=cause)
        routing = self._decide(event, ctx)
        if replace(routing, look_at_ms=incident.routing.look_at_ms) != incident.routing:
            _forward(event, routing, ctx)

    def owner_of_wake(self, key: str) -> str:
        """The scope of the incident that is looked at."""
        return scope_of(key)

    def _decide(self, event: Update, ctx: Context) -> Routing:
        incident = event.incident
        if self._inhibitions:
            sources.note(incident, self._inhibitions.facts(incident), ctx)
        paused = self._paused(event, ctx) if self._policy.is_on else NEVER
        risk = self._policy.pause.risk
        look = Look(event, ctx, lambda: self._muted(incident, ctx), paused, risk)
        for receiver, hop in look.concerned(self._tree.route(label_set_of_incident(incident))):
            look.tell(receiver, hop)
        return look.routing()

    def _paused(self, event: Update, ctx: Context) -> Paused:
        """Whether it is held back as quiet; of one that is over, how long it lasted is learned."""
        incident = event.incident
        table, key = ctx.table(LASTED), kind_key(incident)
        if incident.is_open:
            return decide(event, self._policy, learned_ms(table.get(key)), ctx.now_ms)
        before = ctx.table(INCIDENTS).get(incident.incident_id)
        is_end = before is None or before.is_open
        if is_end and not incident.resolved_by and not incident.merged_into:
            table.put(key, counted(table.get(key), lasted_ms(incident)))
        return kept(incident)

    def _muted(self, incident: Incident, ctx: Context) -> mute.Mute:
        self._silences.refresh(ctx.lookup(SILENCES), ctx.now_ms)
        others = sources.others(incident, ctx) if self._inhibitions else []
        alerts = firing_alerts(incident, self._scope)
        found = mute.decide(incident, alerts, self._silences, self._inhibitions, others, ctx.now_ms)
        sources.hold_back(incident, found.inhibitors, ctx)
        return found


def _forward(event: Update, routing: Routing, ctx: Context) -> None:
    if routing == event.incident.routing:
        ctx.forward(event)
    else:
        ctx.forward(Update(incident=replace(event.incident, routing=routing), cause=event.cause))
