"""The stage `route`: who is told what of an incident, by the routing tree, and who is not."""

from __future__ import annotations

from pipeline.domain.wiring import Wiring
from pipeline.stages.route.config import REPEATS_ITSELF
from pipeline.stages.route.inhibit import Inhibitions
from pipeline.stages.route.stage import RouteStage
from pipeline.stages.route.tree import Tree


def build(wiring: Wiring) -> RouteStage:
    """The stage as topology.yaml's `routes`, `inhibit`, `pause` and `receivers` declare it.

    Raises ValueError where the tree or the inhibitions are not acceptable.
    """
    ahead = wiring.sections.get("routes_ahead") or ()
    receivers = wiring.sections.get("receivers") or {}
    tree = Tree(
        wiring.sections["routes"],
        repeats={
            name: int(receiver.repeat or 0)
            for name, receiver in receivers.items()
            if receiver.repeat is not None or receiver.sink in REPEATS_ITSELF
        },
        batching=frozenset(name for name, receiver in receivers.items() if receiver.batch),
        ahead=ahead,
    )
    return RouteStage(
        tree,
        Inhibitions(wiring.sections.get("inhibit") or (), wiring.scope),
        wiring.scope,
        wiring.sections.get("pause"),
    )
