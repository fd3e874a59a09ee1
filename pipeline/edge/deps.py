"""Deps: what the composition root gives the edge; Edge: that, with what the edge keeps itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from msgspec import Struct, field

from pipeline.domain.secret import Secret
from pipeline.domain.store import Appender
from pipeline.edge.access import Access
from pipeline.edge.admission import Admission
from pipeline.edge.limits import Limits
from pipeline.edge.self_alert import SelfAlerts
from pipeline.stages.ingest import IngestConfig

Count = Callable[[str, float, Mapping[str, str]], None]
"""Counts something: the metric's name, by how much, its labels."""


def _count_nothing(name: str, amount: float, labels: Mapping[str, str]) -> None:
    pass


def _ready() -> Sequence[str]:
    return ()


def _no_metrics() -> bytes:
    return b""


class Deps(Struct, frozen=True, kw_only=True):
    """What the edge needs of the rest; the fields without a default it cannot do without.

    `readiness` gives what speaks against sending work here, as sentences. `metrics` renders
    Prometheus' text format. `operator_token` None lets anybody in without a token, which the
    caller allows on loopback only.
    """

    appender: Appender
    now_ms: Callable[[], int]
    ingest: IngestConfig = IngestConfig()
    installation: str = "00000000"
    version: str = "0"
    tenants: Mapping[str, Sequence[Secret]] = field(default_factory=dict)
    operator_token: Secret | None = None
    readiness: Callable[[], Sequence[str]] = _ready
    metrics: Callable[[], bytes] = _no_metrics
    count: Count = _count_nothing
    limits: Limits = Limits()


class Edge:
    """The state of one running edge: its Deps, who may come in, and its own alerts."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.limits = deps.limits
        self.access = Access(deps.operator_token, deps.tenants)
        self.admission = Admission(deps.limits, deps.now_ms)
        self.self_alerts = SelfAlerts(
            deps.appender, deps.now_ms, deps.ingest, deps.limits.self_alert_every_ms
        )
        self.started_at_ms = deps.now_ms()


TheEdge = NamedDependency[Edge]
"""A parameter `edge: TheEdge` of a route is the one Edge of the application."""

AnyRequest = Request[Any, Any, Any]
