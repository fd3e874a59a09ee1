"""What `sense` keeps: of each series the open window and what its detector knows; of each alarm
what precedes it; of each place what began there lately; of each scope its graph.

A series is two rows: an alert changes the small one, and only a point of the series the other,
which has some 2.5 KB.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.precedence import Graph, KeptAlarm, KeptPlace
from pipeline.domain.rate import Window
from pipeline.domain.series import KeptSeries
from pipeline.domain.stage import TableSpec, before_slash


class OpenRow(Struct, frozen=True, array_like=True):
    """One series (`<scope>/<hash of what it is of>`).

    `kind` and `text` are those of `Unusual`. `window` counts alerts that began, or of values the
    points that were taken in the window. `points` is how many its detector has seen. At a count
    of `try_at` the open window is judged before it is over (0: never). `incident_id` is where the
    last alert of it went.
    """

    kind: str
    text: str
    window: Window
    points: int = 0
    try_at: int = 0
    incident_id: str = ""


class RosterRow(Struct, frozen=True, array_like=True):
    """How many series there are of a scope (`<scope>/`), and when its graph is to be made anew
    (0: nothing has changed), with the tenant and the values of its labels, for people.
    """

    count: int = 0
    graph_at_ms: int = 0
    tenant: str = ""
    values: tuple[str, ...] = ()


class GraphRow(Struct, frozen=True, array_like=True):
    """The graph of a scope as it was published last (`<scope>/`); `ids` are those of its alarms,
    by which their rows are kept.
    """

    ids: tuple[str, ...]
    graph: Graph


OPEN: Final = TableSpec(name="sense-open", type=OpenRow, owner=before_slash)
SERIES: Final = TableSpec(name="sense-series", type=KeptSeries, owner=before_slash)
ROSTER: Final = TableSpec(name="sense-roster", type=RosterRow, owner=before_slash)
ALARMS: Final = TableSpec(name="sense-alarms", type=KeptAlarm, owner=before_slash)
PLACES: Final = TableSpec(name="sense-places", type=KeptPlace, owner=before_slash)
GRAPHS: Final = TableSpec(name="sense-graphs", type=GraphRow, owner=before_slash)
"""`<scope>/<hash>` as the series of the alarm, `<scope>/<hash of the place>`, `<scope>/`."""
