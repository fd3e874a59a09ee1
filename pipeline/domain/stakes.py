"""Stakes: what holding incidents back costs, counted, and from which chance on it may be done.

Of the incidents that turned out it is counted which chance of being quiet (noise, or over by
itself) a model had given them before. Held back is what reaches a threshold. The threshold is the
lowest one at which `(missed + 1) / (real + 1)` is within the risk that a policy allows, `missed`
being the real ones that had reached it: so the share of real ones held back stays within the risk
in expectation, as long as what comes is like what came (conformal risk control, Angelopoulos and
others, 2024). Under a risk of 0.1 % that needs 999 real ones; until then nothing is held back.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from msgspec import Struct

REAL: Final = "real"
QUIET: Final = "quiet"
"""How an incident turned out: somebody was needed, or nobody was."""

EDGES: Final = (
    0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998,
    0.999, 0.9995, 0.9998,
)  # fmt: skip
"""The thresholds that there are; counts are kept between them. Nothing is held back below the
first, however well a model tells quiet from real."""

REAL_MAX: Final = 20_000.0
"""At so many real ones all counts are halved, so that they follow a change."""


class Stakes(Struct, frozen=True):
    """How many real and how many quiet incidents had a chance below EDGES[0], between each two of
    EDGES, and from the last on; empty where none turned out.
    """

    real: tuple[float, ...] = ()
    quiet: tuple[float, ...] = ()

    @property
    def real_count(self) -> float:
        """The real ones that are counted."""
        return sum(self.real)


def counted(stakes: Stakes, verdict: str, chance: float) -> Stakes:
    """With one more incident, REAL or QUIET, that had this chance of being quiet."""
    none = (0.0,) * (len(EDGES) + 1)
    real, quiet = list(stakes.real or none), list(stakes.quiet or none)
    (real if verdict == REAL else quiet)[bisect_right(EDGES, chance)] += 1.0
    if sum(real) >= REAL_MAX:
        real, quiet = [each * 0.5 for each in real], [each * 0.5 for each in quiet]
    return Stakes(tuple(real), tuple(quiet))


def threshold(stakes: Stakes, risk: float) -> float:
    """The lowest chance from which incidents may be held back under `risk` (0 to 1), -1: none."""
    count = stakes.real_count
    missed = 0.0
    lowest = -1.0
    for at in range(len(EDGES) - 1, -1, -1):
        missed += stakes.real[at + 1] if stakes.real else 0.0
        if missed + 1.0 > risk * (count + 1.0):
            break
        lowest = EDGES[at]
    return lowest
