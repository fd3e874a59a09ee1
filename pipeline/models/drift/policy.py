"""What follows from drift: a pure decision between watching and forgetting."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Policy = Literal["warn", "reset"]
Action = Literal["none", "warn", "reset"]

RISE_MIN: Final = 0.05
"""A head whose error rate rose by less is reported, and left to learn."""


class Drifted(Struct, frozen=True):
    """The errors of a head changed: its error rate before and since, each 0 to 1."""

    head: str
    before: float
    since: float


def decide(policy: Policy, drifted: Drifted) -> Action:
    """What to do: nothing where it got better, only a word where it got a little worse, else
    what the policy says. `reset` has this head forget and learn anew.
    """
    if drifted.since <= drifted.before:
        return "none"
    return "warn" if drifted.since - drifted.before < RISE_MIN else policy
