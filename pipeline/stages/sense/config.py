"""The section `sense` of topology.yaml."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.units import Duration

WINDOW_MIN_MS: Final = 60_000
WINDOW_MAX_MS: Final = 3_600_000


class Sense(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is unusual is shown on the incident that it is about. Nobody is told of it for that
    alone, unless a route matches `unusual="true"`.
    """

    window: Duration = Duration(300_000)
    """Alerts that begin are counted per service and rule in windows of this length, 1m to 1h, and
    unusually many are said; `off`: they are not counted."""

    values: bool = True
    """Whether the values that alerts carry are compared with those before, per service and
    metric."""

    precedence: bool = True
    """Whether it is learned, per scope, which alarm comes before which: shown on incidents, and
    as a graph on the board and by `tocsin graph`. Needs a `window`."""

    def __post_init__(self) -> None:
        """Raises ValueError for a window that is too short or too long."""
        if self.window and not WINDOW_MIN_MS <= self.window <= WINDOW_MAX_MS:
            raise ValueError(f"window: {self.window} is neither `off` nor within 1m and 1h")
