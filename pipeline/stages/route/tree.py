"""The routing tree: which receivers an incident's labels lead to, and by which way.

Walked depth first as Alertmanager does it: a node that matches asks its children in their order;
the first that matches ends the search unless it says `continue`; where no child matches, the node
itself is meant. One receiver reached twice is told once, by the first way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.alert import severity_rank
from pipeline.domain.matchers import Matcher, parse_all
from pipeline.stages.route.config import NOBODY, Route, check_tree

REMEMBERED_MAX: Final = 10_000
"""Answers remembered by the labels that the tree asks for; at the limit they fill again."""

HOPS_MAX: Final = 20
"""Receivers that one incident leads to; those reached later are not told."""


class Hop(Struct, frozen=True, kw_only=True):
    """One receiver that is meant, and how it wants to be told; `path` is the route's place.

    `min_rank` is the rank of the least severity that is told. `asks_for_tests` says that a
    matcher on the way names `is_test`.
    """

    receiver: str
    path: str
    repeat_ms: int = 0
    wait_ms: int = 0
    sends_resolved: bool = True
    sends_acknowledged: bool = True
    min_rank: int = 0
    asks_for_tests: bool = False


class Step(Struct, frozen=True, kw_only=True):
    """One node that was looked at: whether it matched, and which matcher said no ("" if it did).

    `is_taken` where the node itself is meant.
    """

    path: str
    receiver: str
    has_matched: bool
    failed: str = ""
    is_taken: bool = False


class _Node(Struct, frozen=True, kw_only=True):
    hop: Hop
    matchers: tuple[Matcher, ...]
    is_continuing: bool
    children: tuple[_Node, ...]


class Tree:
    """The compiled tree. `repeats` and `batching` are what receivers say for themselves. The
    routes of `ahead` are looked at first, inherit nothing and have places of their own.

    Raises ValueError where the tree is not acceptable.
    """

    def __init__(
        self,
        root: Route,
        *,
        repeats: Mapping[str, int] | None = None,
        batching: frozenset[str] = frozenset(),
        ahead: tuple[Route, ...] = (),
    ) -> None:
        check_tree(root)
        self._repeats = repeats or {}
        self._batching = batching
        nobody = Hop(receiver=NOBODY, path="")
        first = tuple(
            self._compile(route, f"built-in[{at}]", nobody) for at, route in enumerate(ahead)
        )
        whole = self._compile(root, "routes", nobody)
        self._root = replace(whole, children=(*first, *whole.children))
        self._names = tuple(sorted(_names(self._root)))
        self._known: dict[tuple[str, ...], tuple[Hop, ...]] = {}

    def route(self, labels: Mapping[str, str]) -> tuple[Hop, ...]:
        """The receivers that the labels lead to, at least one (`none` stands for nobody)."""
        asked = tuple([labels.get(name, "") for name in self._names])
        hops = self._known.get(asked)
        if hops is None:
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            hops = self._known[asked] = self._walk(labels, None)
        return hops

    def trace(self, labels: Mapping[str, str]) -> tuple[Step, ...]:
        """Every node that is looked at on the way, in order: what `routes test` shows."""
        steps: list[Step] = []
        self._walk(labels, steps)
        return tuple(steps)

    def _walk(self, labels: Mapping[str, str], steps: list[Step] | None) -> tuple[Hop, ...]:
        found: list[Hop] = []
        _visit(self._root, labels, found, steps)
        by_receiver: dict[str, Hop] = {}
        for hop in found:
            by_receiver.setdefault(hop.receiver, hop)
        return tuple(by_receiver.values())[:HOPS_MAX]

    def _compile(self, route: Route, path: str, parent: Hop) -> _Node:
        matchers = parse_all(route.match)
        hop = Hop(
            receiver=parent.receiver if route.receiver is None else route.receiver,
            path=path,
            repeat_ms=parent.repeat_ms if route.repeat is None else int(route.repeat),
            wait_ms=parent.wait_ms if route.wait is None else int(route.wait),
            sends_resolved=parent.sends_resolved if route.resolved is None else route.resolved,
            sends_acknowledged=(
                parent.sends_acknowledged if route.acknowledged is None else route.acknowledged
            ),
            min_rank=(
                parent.min_rank if route.min_severity is None else severity_rank(route.min_severity)
            ),
            asks_for_tests=parent.asks_for_tests or any(m.name == "is_test" for m in matchers),
        )
        return _Node(
            hop=self._own(hop),
            matchers=matchers,
            is_continuing=route.is_continuing,
            children=tuple(
                self._compile(child, f"{path}[{at}]", hop) for at, child in enumerate(route.routes)
            ),
        )

    def _own(self, hop: Hop) -> Hop:
        """The hop as its receiver has it: its own `repeat`, and `wait` only where it batches."""
        return Hop(
            receiver=hop.receiver,
            path=hop.path,
            repeat_ms=self._repeats.get(hop.receiver, hop.repeat_ms),
            wait_ms=hop.wait_ms if hop.receiver in self._batching else 0,
            sends_resolved=hop.sends_resolved,
            sends_acknowledged=hop.sends_acknowledged,
            min_rank=hop.min_rank,
            asks_for_tests=hop.asks_for_tests,
        )


def _visit(
    node: _Node, labels: Mapping[str, str], found: list[Hop], steps: list[Step] | None
) -> bool:
    failed = next((m for m in node.matchers if not m.accepts(labels.get(m.name, ""))), None)
    at = len(steps) if steps is not None else 0
    if steps is not None:
        steps.append(
            Step(
                path=node.hop.path,
                receiver=node.hop.receiver,
                has_matched=failed is None,
                failed="" if failed is None else str(failed),
            )
        )
    if failed is not None:
        return False
    has_child = False
    for child in node.children:
        if _visit(child, labels, found, steps):
            has_child = True
            if not child.is_continuing:
                break
    if not has_child:
        found.append(node.hop)
        if steps is not None:
            taken = steps[at]
            steps[at] = Step(
                path=taken.path, receiver=taken.receiver, has_matched=True, is_taken=True
            )
    return True


def _names(node: _Node) -> set[str]:
    found = {matcher.name for matcher in node.matchers}
    for child in node.children:
        found |= _names(child)
    return found
