"""The stage `enrich`: adds what is known to an alert, finds its scope and emits it on `alerts`."""

from __future__ import annotations

from typing import Any, Final

from pipeline.domain.alert import Alert
from pipeline.domain.ids import scope_id
from pipeline.domain.stage import Context, Event, TableSpec
from pipeline.domain.wiring import Wiring
from pipeline.stages.enrich.config import EnrichConfig
from pipeline.stages.enrich.facts import with_facts
from pipeline.stages.enrich.known import change_facts, service_facts
from pipeline.stages.enrich.reasons import SERVICE_UNKNOWN
from pipeline.stages.enrich.rules import compile_steps

NAME: Final = "enrich"
ALERTS: Final = "alerts"
SERVICES: Final = "services"
CHANGES: Final = "changes"


class Enrich:
    """Ends the chain of intake; it keeps nothing and never wakes."""

    name: str = NAME
    accepts: tuple[type[Event], ...] = (Alert,)
    tables: tuple[TableSpec[Any], ...] = ()

    def __init__(self, config: EnrichConfig, scope: tuple[str, ...]) -> None:
        self._config = config
        self._scope = scope
        self._kept = frozenset(scope)
        self._steps = compile_steps(config)

    def process(self, event: Alert, ctx: Context) -> None:
        """Emit one alert, with what is known of it, under its scope."""
        alert = event
        for step in self._steps:
            alert = step.apply(alert)
        if alert.service:
            alert = self._with_catalog(alert, ctx)
        values = [alert.text(name) for name in self._scope]
        ctx.emit(ALERTS, scope_id(ctx.origin.tenant, values), alert)

    def _with_catalog(self, alert: Alert, ctx: Context) -> Alert:
        services, changes = ctx.lookup(SERVICES), ctx.lookup(CHANGES)
        service = services.get(alert.service)
        if service is not None:
            facts = service_facts(service, self._config.links_max, self._kept)
            alert = with_facts(alert, facts)
        elif services:
            ctx.reason(SERVICE_UNKNOWN, service=alert.service)
        if changes:
            window_ms, changes_max = self._config.changes_window, self._config.changes_max
            recent = change_facts(alert, service, changes, window_ms, changes_max)
            alert = with_facts(alert, recent)
        return alert

    def wake(self, key: str, ctx: Context) -> None:
        """Nothing here waits."""


def build(wiring: Wiring) -> Enrich:
    """The stage with its section of topology.yaml, or with the defaults."""
    return Enrich(wiring.sections.get(NAME) or EnrichConfig(), wiring.scope)
