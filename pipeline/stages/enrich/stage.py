"""The stage `enrich`: adds what is known to an alert, finds its scope and emits it on `alerts`."""

from __future__ import annotations

from typing import Any, Final

from pipeline.domain.alert import Alert
from pipeline.domain.ids import scope_id
from pipeline.domain.stage import Context, Event, TableSpec
from pipeline.domain.wiring import Wiring
from pipeline.stages.enrich.config import EnrichConfig

NAME: Final = "enrich"
ALERTS: Final = "alerts"


class Enrich:
    """Ends the chain of intake; it keeps nothing and never wakes."""

    name: str = NAME
    accepts: tuple[type[Event], ...] = (Alert,)
    tables: tuple[TableSpec[Any], ...] = ()

    def __init__(self, config: EnrichConfig, scope: tuple[str, ...]) -> None:
        self._config = config
        self._scope = scope

    def process(self, event: Alert, ctx: Context) -> None:
        """Emit one alert under its scope."""
        values = [scope_value(event, name) for name in self._scope]
        ctx.emit(ALERTS, scope_id(ctx.origin.tenant, values), event)

    def wake(self, key: str, ctx: Context) -> None:
        """Nothing here waits."""


def scope_value(alert: Alert, name: str) -> str:
    """What an alert says for one of the labels that make its scope: its field of that name, or
    else its label.
    """
    value = getattr(alert, name, "")
    return value if isinstance(value, str) and value else alert.labels.get(name, "")


def build(wiring: Wiring) -> Enrich:
    """The stage with its section of topology.yaml, or with the defaults."""
    return Enrich(wiring.sections.get(NAME) or EnrichConfig(), wiring.scope)
