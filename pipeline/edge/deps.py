"""Deps: what the composition root gives the edge; Edge: that, with what the edge keeps itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from msgspec import Struct, field

from pipeline.domain.notification import Receipt
from pipeline.domain.secret import Secret
from pipeline.domain.store import Appender
from pipeline.edge.access import Access
from pipeline.edge.admission import Admission
from pipeline.edge.change_book import ChangeBook
from pipeline.edge.limits import Limits
from pipeline.edge.problem import Problem
from pipeline.edge.self_alert import SelfAlerts
from pipeline.edge.view import View
from pipeline.stages.ingest import IngestConfig
from pipeline.topology.declared import Topology

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
    caller allows on loopback only. Without a `view` there is no API but the ways in. The caller
    starts and stops the view, and nudges it after each commit. `try_receiver` tells a receiver,
    by its name, something harmless.
    """

    appender: Appender
    now_ms: Callable[[], int]
    ingest: IngestConfig = IngestConfig()
    installation: str = "00000000"
    version: str = "0"
    tenants: Mapping[str, Sequence[Secret]] = field(default_factory=dict)
    operator_token: Secret | None = None
    view: View | None = None
    topology: Topology | None = None
    try_receiver: Callable[[str], Awaitable[Receipt]] | None = None
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
        self.change_book = ChangeBook(deps.appender, lambda: self.view)
        self.started_at_ms = deps.now_ms()
        self.accepted_alerts: Counter[str] = Counter()

    @property
    def view(self) -> View:
        """The view, where there is one: routes that need it exist only then."""
        if self.deps.view is None:
            raise Problem(503, "busy", "this edge has no view")
        return self.deps.view


TheEdge = NamedDependency[Edge]
"""A parameter `edge: TheEdge` of a route is the one Edge of the application."""

AnyRequest = Request[Any, Any, Any]
