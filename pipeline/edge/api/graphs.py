"""Graphs: which alarm of a scope usually comes before which, as it was learned."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get
from msgspec import Struct

from pipeline.domain.outcome import ModelRecord
from pipeline.domain.precedence import GRAPH_PREFIX, Graph
from pipeline.edge.api.asking import Asked, TheCaller, ask
from pipeline.edge.api.incidents import tenant_of
from pipeline.edge.deps import AnyRequest, TheEdge
from pipeline.edge.openapi import asks
from pipeline.edge.view import questions

TOPIC: Final = "models"
FILTERS: Final = ("scope", "tenant")

_decoder: Final = msgspec.msgpack.Decoder(Graph)


class ShownLink(Struct, frozen=True, kw_only=True):
    """`cause` comes before `effect`, both as `<rule> on <service>`: by `usual_ms`, and before a
    `share` of its beginnings; `strength` is in standard deviations beyond chance. It `is_direct`
    where nothing usually comes between.
    """

    cause: str
    effect: str
    strength: float
    is_direct: bool
    usual_ms: int
    share: float


class ShownGraph(Struct, frozen=True, kw_only=True):
    """The graph of one scope, made at `at_ms`; the strongest links first. `values` are those of
    the labels that make scopes.
    """

    scope_id: str
    tenant: str
    values: tuple[str, ...]
    at_ms: int
    links: list[ShownLink]


class GraphList(Struct, frozen=True):
    """The graphs of all scopes in which something precedes something, by scope."""

    graphs: list[ShownGraph]


@get(
    "/api/v1/graphs",
    summary="Which alarm precedes which",
    tags=["graphs"],
    operation_class=asks(*FILTERS),
)
async def list_graphs(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> GraphList:
    """Filters: scope (an incident's scope_id), tenant."""
    asked = Asked(request, *FILTERS)
    scope, tenant = asked.text("scope"), tenant_of(asked, caller)
    if scope:
        found = await ask(edge, questions.thing, TOPIC, f"{GRAPH_PREFIX}{scope}")
        records: list[ModelRecord] = [found] if found is not None else []
    else:
        records = await ask(edge, questions.things, TOPIC)
    graphs = [
        _decoder.decode(record.body)
        for record in records
        if record.model.startswith(GRAPH_PREFIX) and record.body
    ]
    return GraphList(
        [_shown(graph) for graph in graphs if graph.links and tenant in ("", graph.tenant)]
    )


def _shown(graph: Graph) -> ShownGraph:
    return ShownGraph(
        scope_id=graph.scope_id,
        tenant=graph.tenant,
        values=graph.values,
        at_ms=graph.at_ms,
        links=[
            ShownLink(
                cause=graph.alarms[link.cause],
                effect=graph.alarms[link.effect],
                strength=link.strength,
                is_direct=link.is_direct,
                usual_ms=link.usual_ms,
                share=link.share,
            )
            for link in graph.links
        ],
    )


ROUTES: Final = (list_graphs,)
