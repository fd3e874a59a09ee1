"""One entry of `observe.heartbeats` in topology.yaml."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.alert import Severity
from pipeline.domain.matchers import parse_all
from pipeline.domain.units import Duration

HEARTBEATS_MAX: Final = 100
"""Heartbeats in one topology; more are refused."""


class Heartbeat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that is expected to keep coming; when it stops, that pages."""

    name: str
    """What the page calls it."""
    match: tuple[str, ...]
    """Matchers of the expected alert, such as alertname="Watchdog". Several senders that it
    matches in one scope count as one: tell them apart by a label, such as cluster="a"."""
    within: Duration = Duration(300_000)
    """So long after the last one it counts as stopped."""
    severity: Severity = "critical"
    """Severity of the alert that says so."""
    forward: bool = False
    """Whether the expected alert itself goes on and pages like any other."""

    def __post_init__(self) -> None:
        """Raises ValueError for a matcher that cannot be read, or where there is none."""
        if not self.name:
            raise ValueError("name: a heartbeat needs a name: the page is called by it")
        if not parse_all(self.match):
            raise ValueError("match: at least one matcher is needed")
        if self.within == 0:
            raise ValueError("within: a heartbeat needs a time in which it is expected")
