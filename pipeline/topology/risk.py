"""Risk: what an action on a cluster may cost, from nothing to everything, and its flag."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Risk(StrEnum):
    """In rising order."""

    SAFE = "safe"
    RESTART = "restart"
    REKEYS = "re-keys"
    LOSES = "loses history"
    DESTROYS = "destroys"

    @property
    def rank(self) -> int:
        """Its place in the order."""
        return list(Risk).index(self)


FLAGS: Final = {
    Risk.REKEYS: "--re-key",
    Risk.LOSES: "--lose-history",
    Risk.DESTROYS: "--destroy",
}
"""The option of `apply` that each unsafe risk needs; the others need none."""


def worst(risks: list[Risk]) -> Risk:
    """The highest of them; SAFE of none."""
    return max(risks, key=lambda risk: risk.rank, default=Risk.SAFE)
