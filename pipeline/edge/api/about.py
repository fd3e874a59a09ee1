"""About this Tocsin: topology without secrets, counts, and trials of routes and receivers."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath
from msgspec import Struct

from pipeline.domain.notification import DELIVERED, Receipt
from pipeline.domain.secret import MASK, Secret
from pipeline.domain.units import Duration, Rate, Size
from pipeline.edge.api.asking import Asked, TheCaller, ask, body_of
from pipeline.edge.api.incidents import tenant_of
from pipeline.edge.deps import AnyRequest, Edge, TheEdge
from pipeline.edge.openapi import takes
from pipeline.edge.problem import Problem, not_found
from pipeline.edge.view import questions
from pipeline.stages.route.tree import Step, Tree
from pipeline.topology.declared import Topology


class Labels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Labels as an incident would carry them: severity, service and so on among them."""

    labels: dict[str, str]


class Routed(Struct, frozen=True):
    """Which receivers labels lead to, and every node of the tree that was looked at."""

    receivers: list[str]
    steps: tuple[Step, ...]


class Stats(Struct, frozen=True, kw_only=True):
    """Counts since the view's beginning: incidents by status, the rest by their word."""

    now_ms: int
    incidents: dict[str, int]
    notifications: dict[str, int]
    receipts: dict[str, int]
    dead_letters: dict[str, int]
    pages: int
    """Triggers that receivers took; what tells of an acknowledgement or an end is none."""
    accepted_alerts: int
    """Alerts taken by this process."""


_labels: Final = msgspec.json.Decoder(Labels)


def _plain(value: Any) -> Any:
    """What msgspec cannot write: secrets show as their mask, units as people write them."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Duration | Size):
        return str(value)
    if isinstance(value, Rate):
        return f"{int(value)}/h"
    return str(value)


def _topology(edge: Edge) -> Topology:
    if edge.deps.topology is None:
        raise not_found("this edge was not given its topology")
    return edge.deps.topology


@get("/api/v1/topology", summary="The topology, without secrets", tags=["about"])
async def topology(edge: TheEdge, caller: TheCaller) -> dict[str, Any]:
    """What topology.yaml declares, with every default; for operators."""
    if not caller.is_operator:
        raise Problem(403, "forbidden", "the topology is for the operator's token")
    found: dict[str, Any] = msgspec.to_builtins(_topology(edge), enc_hook=_plain, str_keys=True)
    return found


@get("/api/v1/stats", summary="Counts for a live board", tags=["about"])
async def stats(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> Stats:
    """How many incidents, notifications, receipts and dead letters there are, by their word."""
    tenant = tenant_of(Asked(request, "tenant"), caller)
    found = await ask(edge, questions.counts, tenant)
    accepted = edge.accepted_alerts
    return Stats(
        now_ms=edge.deps.now_ms(),
        incidents=found["incidents"],
        notifications=found["notifications"],
        receipts=found["receipts"],
        dead_letters=found["dead-letters"],
        pages=found["pages"].get(DELIVERED, 0),
        accepted_alerts=accepted[tenant] if tenant else accepted.total(),
    )


@post(
    "/api/v1/routes/test",
    status_code=200,
    summary="Where labels would lead",
    tags=["about"],
    operation_class=takes(Labels),
)
async def test_route(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> Routed:
    """The receivers, and which matcher said no on the way. Nothing is sent."""
    labels = (await body_of(request, _labels)).labels
    tree = Tree(_topology(edge).sections["routes"])
    hops = tree.route(labels)
    return Routed([hop.receiver for hop in hops], tree.trace(labels))


@post(
    "/api/v1/receivers/{name:str}/test",
    status_code=200,
    summary="Tell a receiver something harmless",
    tags=["about"],
)
async def test_receiver(edge: TheEdge, caller: TheCaller, name: FromPath[str]) -> Receipt:
    """Send a test to a receiver, past rules and routes; the receipt says what came of it."""
    if not caller.is_operator:
        raise Problem(403, "forbidden", "receivers are tested with the operator's token")
    known = _topology(edge).sections["receivers"]
    if name not in known or edge.deps.try_receiver is None:
        listed = ", ".join(known) or "none"
        raise not_found(f"there is no receiver {name[:100]!r}; there are {listed}")
    return await edge.deps.try_receiver(name)


ROUTES: Final = (topology, stats, test_route, test_receiver)
