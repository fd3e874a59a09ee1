"""The sections `routes`, `inhibit` and `pause` of topology.yaml."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from pipeline.domain.matchers import MATCHERS_MAX, parse_all
from pipeline.domain.units import Duration

NOBODY: Final = "none"
"""The receiver that stands for silence on purpose."""

DEFAULT_SCOPE: Final = ("environment", "region")
"""The labels of a scope where topology.yaml says nothing."""

REPEATS_ITSELF: Final = frozenset({"pagerduty"})
"""Sinks that escalate by themselves: not repeated to unless their receiver says `repeat`."""

ROUTES_MAX: Final = 2_000
"""Routes in the whole tree; more are refused."""

DEPTH_MAX: Final = 10
"""Routes beneath each other, the root counted; deeper trees are refused."""

INHIBITIONS_MAX: Final = 100
"""Inhibitions; more are refused."""

EQUAL_MAX: Final = 20
"""Labels under `equal` of one inhibition; more are refused."""

SEVERITIES: Final = ("info", "warning", "error", "critical")
CRITICAL: Final = SEVERITIES[-1]


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node of the routing tree. It is walked depth first; the first child that matches wins,
    unless it says `continue`. What a node does not set it has from its parent.
    """

    receiver: str | None = None
    """The receiver's name, or `none` to tell nobody. The root must name one."""

    match: tuple[str, ...] = ()
    """Matchers in Alertmanager's syntax, all of which must match; a list of up to 50."""

    is_continuing: bool = field(name="continue", default=False)
    """Whether the siblings that follow are looked at as well. Not inherited."""

    repeat: Duration | None = None
    """How long after a trigger that nobody acknowledged the next one follows; `off`: never.
    A receiver's own `repeat` goes before it, and PagerDuty's is off unless set there.
    Default: off."""

    wait: Duration | None = None
    """How long the first notification waits, for receivers with `batch: true` only.
    Default: off."""

    resolved: bool | None = None
    """Whether a resolved incident is told to whom it was told before. Default: true."""

    acknowledged: bool | None = None
    """Whether an acknowledgement is told to whom the incident was told. Default: true."""

    min_severity: str | None = None
    """The least severity that is told: info, warning, error or critical; unknown is less than
    each of them. Default: any."""

    routes: tuple[Route, ...] = ()
    """The children, in the order in which they are looked at."""

    def __post_init__(self) -> None:
        """Raises ValueError for a matcher or a severity that cannot be read."""
        if len(parse_all(self.match)) > MATCHERS_MAX:
            raise ValueError(f"match: more than {MATCHERS_MAX} matchers on one route; nest routes")
        if self.min_severity is not None and self.min_severity not in SEVERITIES:
            raise ValueError(
                f"min_severity: {self.min_severity!r} is none of {', '.join(SEVERITIES)}"
            )
        if self.receiver is not None and not _is_name(self.receiver):
            raise ValueError(f"receiver: {self.receiver!r} is no name: it is empty or holds a '/'")


class Inhibition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """While an alert that matches `source` fires, those of other incidents of the same scope
    that match `target`, and have the same values under `equal`, tell nobody.
    """

    source: tuple[str, ...]
    """Matchers of the alerts that mute."""

    target: tuple[str, ...]
    """Matchers of the alerts that are muted."""

    equal: tuple[str, ...] = ()
    """Labels whose values must be the same on both; absent and "" are the same."""

    name: str = ""
    """What reasons call it; default: its position, from 1."""

    def __post_init__(self) -> None:
        """Raises ValueError for a matcher that cannot be read, or where one side is empty."""
        for side, texts in (("source", self.source), ("target", self.target)):
            if not parse_all(texts):
                raise ValueError(f"{side}: at least one matcher is needed")
        if len(self.equal) > EQUAL_MAX:
            raise ValueError(f"equal: more than {EQUAL_MAX} labels")


class Pause(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Incidents that a model is sure are noise, or over by themselves soon, are held back for as
    long as such ones last. What is critical never is. Nothing is until enough has turned out:
    under a risk of 0.001 after 999 incidents for which somebody was needed.
    """

    severities: tuple[str, ...] = ()
    """Of which severity an incident may be held back: info, warning, error. Default: of none."""

    match: tuple[str, ...] = ()
    """Matchers in Alertmanager's syntax, all of which must match; a list of up to 50."""

    risk: Annotated[float, Meta(gt=0, le=0.1)] = 0.001
    """Of the incidents for which somebody is needed, the share that may be held back."""

    longest: Duration = Duration(900_000)
    """Nothing is held back for longer, however long such ones last."""

    def __post_init__(self) -> None:
        """Raises ValueError for a severity that is none or critical, or a matcher."""
        for severity in self.severities:
            if severity == CRITICAL:
                raise ValueError("severities: what is critical is never held back")
            if severity not in SEVERITIES:
                known = ", ".join(SEVERITIES[:-1])
                raise ValueError(f"severities: {severity!r} is none of {known}")
        if len(parse_all(self.match)) > MATCHERS_MAX:
            raise ValueError(f"match: more than {MATCHERS_MAX} matchers")


def _is_name(text: str) -> bool:
    # A notification's id is made of incident, receiver and sequence with slashes between.
    return bool(text) and "/" not in text


def check_tree(root: Route) -> None:
    """Raises ValueError, naming the route, where the tree as a whole is not acceptable."""
    if root.receiver is None:
        raise ValueError("routes: the root needs a receiver; write `receiver: none` for nobody")
    if root.match or root.is_continuing:
        raise ValueError("routes: the root takes everything: it has no `match` and no `continue`")
    count = 0
    stack = [("routes", root, 1)]
    while stack:
        path, route, depth = stack.pop()
        count += 1
        if depth > DEPTH_MAX:
            raise ValueError(f"{path}: more than {DEPTH_MAX} routes beneath each other")
        stack.extend((f"{path}[{at}]", kid, depth + 1) for at, kid in enumerate(route.routes))
    if count > ROUTES_MAX:
        raise ValueError(f"routes: {count} routes, {ROUTES_MAX} are allowed")
