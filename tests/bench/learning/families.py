"""The views themselves, held out: which of them to sum is chosen on the other categories, too.

The twelve views were put together with all of these files in sight. So beside the setting, here
the family of views, and whether their tails weigh, is chosen anew for each category, without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Final

from pipeline.models.anomaly.alarm import Setting
from pipeline.models.anomaly.series import DOUBT_POINTS, WAITING_POINTS, unit
from pipeline.models.anomaly.views import NAMES, TAIL_WEIGHT, Views
from tests.bench.learning.series import Series

LEVEL_5, LEVEL_60, REST_1, REST_5, REST_60, SPREAD = range(len(NAMES))
BOTH: Final = (0, len(NAMES))
FAMILIES: Final = {
    "all": tuple(range(2 * len(NAMES))),
    "value": tuple(range(len(NAMES))),
    "curve": tuple(range(len(NAMES), 2 * len(NAMES))),
    **{
        name: tuple(scale + view for scale in BOTH for view in views)
        for name, views in {
            "level": (LEVEL_5, LEVEL_60),
            "residual": (REST_1, REST_5, REST_60),
            "residual 1": (REST_1,),
            "level and residual": (LEVEL_5, LEVEL_60, REST_1, REST_5, REST_60),
            "residual and spread": (REST_1, REST_5, REST_60, SPREAD),
            "short": (LEVEL_5, REST_1, REST_5),
            "long": (LEVEL_60, REST_60, SPREAD),
        }.items()
    },
}
SHARES: Final = (0.5, 0.75, 1.0, 1.3, 1.7)
"""Of the shipped threshold, which is for twelve views."""

QUIETS: Final = (60, 120)


Choice = tuple[str, bool]
"""A family, and whether its tails weigh."""


def margins(one: Series) -> list[tuple[list[float], float]]:
    """The margin of every view of every point, a record among few weighed less, and what its
    tails weigh.
    """
    views, made = Views(unit(one.values[:WAITING_POINTS])), []
    for count, (at_ms, value) in enumerate(zip(one.at_ms, one.values, strict=True)):
        seen, trust = views.see(at_ms, value), count / (count + DOUBT_POINTS)
        made.append(([margin * trust for margin in seen.margins], 1.0 + TAIL_WEIGHT * seen.far))
    return made


def strengths(
    corpus: Sequence[Series], shipped: Sequence[Sequence[float]]
) -> dict[Choice, list[list[float]]]:
    """What each choice makes of every point; nothing where the shipped views see nothing, since
    counts that may be chance are none for any.
    """
    choices: list[Choice] = list(product(FAMILIES, (True, False)))
    made: dict[Choice, list[list[float]]] = {choice: [] for choice in choices}
    for one, known in zip(corpus, shipped, strict=True):
        seen = margins(one)
        for name, has_tail in choices:
            made[name, has_tail].append(
                [
                    math.fsum(each[view] for view in FAMILIES[name]) * (tail if has_tail else 1.0)
                    if strength
                    else 0.0
                    for (each, tail), strength in zip(seen, known, strict=True)
                ]
            )
    return made


def options() -> list[tuple[Choice, Setting]]:
    """Every choice with every setting among which is chosen."""
    whole = Setting()
    return [
        (
            (name, has_tail),
            Setting(
                threshold=whole.threshold * share * len(FAMILIES[name]) / len(FAMILIES["all"]),
                quiet_points=quiet,
            ),
        )
        for name, has_tail, share, quiet in product(FAMILIES, (True, False), SHARES, QUIETS)
    ]
