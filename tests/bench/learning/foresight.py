"""How many incidents are foreseen, and how many false alarms that costs.

`python -m tests.bench.learning.foresight`. A simulated estate (precursors.py) is gone through once;
every five minutes each service's risk is asked for, and answers are learned when they have turned
out. Counted are the last 70 % of the days. Thresholds are the best in hindsight, for all alike; no
setting was chosen on the two seeds that are printed.
"""

from __future__ import annotations

import sys
from typing import Final

from tests.bench.learning.foreseen import Reached, openings
from tests.bench.learning.foretold import (
    OWN,
    RATIO,
    RIVER,
    SEVERE,
    Figures,
    figures,
    foretell,
    told,
)
from tests.bench.learning.precursors import CHECK_SEED, SEED, estate

PR_AUC_MIN: Final = 0.37
RECALL_MIN: Final = 0.40


def print_table(seed: int, *, with_river: bool) -> Figures:
    """One table for one seed; what foresight reaches."""
    given = estate(seed)
    opened = openings((each.service, each.at_ms) for each in given.incidents)
    said = foretell(given, with_river=with_river)
    print(f"\nseed {seed}: {len(given.alerts):,} alerts, {len(given.incidents)} incidents\n")
    print(
        "| what | PR-AUC | at ≤ 2 false a day: recall | lead, min | at ≤ 10: recall | lead | µs |"
    )
    print("|---" * 7 + "|")
    found = {}
    for name in (OWN, RIVER, RATIO, SEVERE):
        if name in said.points:
            found[name] = figures(said.points[name], opened)
            cost = f"{said.cost_us[name]:.0f}" if name in said.cost_us else ""
            _print_row(f"**{name}**" if name == OWN else name, found[name], cost)
    _print_row(
        "about the ceiling: told which alerts announce, in hindsight",
        figures(told(seed), opened),
        "",
    )
    return found[OWN]


def _print_row(name: str, found: Figures, cost: str) -> None:
    two, ten = _cells(found.at_two), _cells(found.at_ten)
    print(f"| {name} | {found.pr_auc:.3f} | {two} | {ten} | {cost} |", flush=True)


def _cells(found: Reached) -> str:
    return f"{found.recall:.3f} | {found.lead_min:.1f}"


def main() -> int:
    """Print both tables; 1 where foresight misses what it must reach on the first."""
    found = print_table(SEED, with_river=True)
    print_table(CHECK_SEED, with_river=False)
    is_reached = found.pr_auc >= PR_AUC_MIN and found.at_two.recall >= RECALL_MIN
    print(
        f"\nPR-AUC ≥ {PR_AUC_MIN} and recall ≥ {RECALL_MIN} at two false alarms a day: "
        f"{'reached' if is_reached else 'missed'}"
    )
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
