"""From counted pairs to edges: a pure decision of which alarm causes which.

A pair's net precedence in standard deviations is its evidence. Little evidence is helped by what
the rest says: where a symptom ends most causes, one more cause is likelier, and the same for a
cause of much. An edge is kept where the help and the evidence together pass STRENGTH_MIN: low,
since with F1 as the aim an edge is worth naming at half the odds that the whole graph has. What
causes through another alarm is an edge too, but not a direct one: direct is what also came last
before its effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

Pair = list[float]
"""Sums over the meetings of two names: the net weight of first before second, the squared
weights, and both again where nothing else came between.
"""

STRENGTH_MIN: Final = 1.0
EVIDENCE_MAX: Final = 4.0
"""More evidence than this helps no other edge more."""

HELP: Final = 0.5
EDGES_MAX: Final = 4_096
"""At the limit the weakest are left out."""


class Edge(Struct, frozen=True):
    """One alarm precedes another: `strength` in standard deviations over chance, help included."""

    cause: str
    effect: str
    strength: float
    is_direct: bool


def edges_of(
    names: Sequence[str], pairs: Mapping[tuple[str, str], Pair], weight: float
) -> tuple[Edge, ...]:
    """The edges among names, the strongest first; `weight` is what a meeting counts today."""
    evidence: dict[tuple[str, str], tuple[float, bool]] = {}
    causing, caused = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for (first, second), (net, squares, last_net, last_squares) in sorted(pairs.items()):
        is_forward = net > 0
        cause, effect = (first, second) if is_forward else (second, first)
        found = min(EVIDENCE_MAX, _deviations(abs(net), squares, weight))
        last = _deviations(last_net if is_forward else -last_net, last_squares, weight)
        evidence[cause, effect] = found, last > STRENGTH_MIN
        share = found / len(names)
        causing[cause] += share
        causing[effect] -= share
        caused[effect] += share
        caused[cause] -= share
    edges = [
        Edge(cause, effect, strength, is_direct)
        for (cause, effect), (found, is_direct) in evidence.items()
        if found > 0
        and (strength := found + HELP * (causing[cause] + caused[effect])) > STRENGTH_MIN
    ]
    edges.sort(key=lambda each: (-each.strength, each.cause, each.effect))
    return tuple(edges[:EDGES_MAX])


def _deviations(net: float, squares: float, weight: float) -> float:
    """Net precedence in standard deviations, with one meeting of today more than there was."""
    return net / weight / math.sqrt(squares / weight**2 + 1.0)
