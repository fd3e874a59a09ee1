"""Counts: partitions that fit each other, since a task is one number in all topics of its agent.

It looks at the tree, as lint does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.topology import builtin
from pipeline.topology.declared import AgentSpec, Defaults
from pipeline.topology.shape import Shaper
from pipeline.topology.tree import Node, member_of

GLOBAL_PARTITIONS: Final = 1
"""A global's version is one offset, so it lies in one partition."""


def check_partitions(root: Node, agents: Mapping[str, AgentSpec], shaper: Shaper) -> None:
    """Complain about globals of several partitions, and agents whose topics have unequal ones."""
    counts = _counts(root)
    for topic in sorted(builtin.GLOBALS):
        if counts[topic] != GLOBAL_PARTITIONS:
            _complain(
                root,
                shaper,
                topic,
                f"the global {topic!r} has {GLOBAL_PARTITIONS} partition",
                "leave it out: what every worker holds is not divided",
            )
            counts[topic] = GLOBAL_PARTITIONS
    for name, spec in agents.items():
        known = [each for each in (*spec.reads, *spec.returns) if each in counts]
        others = [each for each in known if counts[each] != counts[known[0]]]
        if others:
            listed = ", ".join(f"{each} {counts[each]}" for each in known)
            reason = f"agent {name!r} reads topics of unequal partitions: {listed}"
            _complain(
                root,
                shaper,
                others[0],
                reason,
                "give them one number: what belongs together has the same key in all of them",
                ("agents", name),
            )


def _complain(
    root: Node, shaper: Shaper, topic: str, reason: str, hint: str, elsewhere: tuple[str, ...] = ()
) -> None:
    """At the number of the topic if it is stated, else at the agent."""
    path = ("topics", topic, "partitions")
    stated = member_of(member_of(member_of(root, "topics"), topic), "partitions")
    place = path if stated is not None else elsewhere
    shaper.complain(root.at(place), place, reason, hint)


def _counts(root: Node) -> dict[str, int]:
    """Topic → partitions, as far as the file can be understood."""
    default = _count(member_of(root, "defaults"), Defaults().partitions)
    found = {name: spec.partitions or default for name, spec in builtin.TOPICS.items()}
    stated = member_of(root, "topics")
    if stated is not None and isinstance(stated.value, dict):
        for name, node in stated.value.items():
            found[name] = _count(node, found.get(name, default))
    return found


def _count(node: Node | None, default: int) -> int:
    stated = member_of(node, "partitions")
    value = None if stated is None else stated.value
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and isinstance(value, int) else default
