"""What a backtest finds in the log that a story left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.app import compose
from pipeline.app.backtest.change import Change, OfTime
from pipeline.app.backtest.course import Course, Span
from pipeline.app.backtest.models import Choice, Chosen
from pipeline.app.backtest.report import Difference, Report
from pipeline.engine import Agent
from pipeline.hosts.embedded.driver import Driver
from pipeline.hosts.embedded.replay import Replay
from pipeline.topology.declared import Topology
from tests.stories.player import INSTALLATION


def backtest(
    driver: Driver,
    real: Topology,
    other: Topology | OfTime,
    *,
    from_ms: int = 0,
    to_ms: int = 0,
    choice: Choice | None = None,
) -> Report:
    """History under `real` from `from_ms` on (0: the start) beside `other`."""
    types: dict[str, Any] = compose.event_types(real)
    known = {name: types[name] for name in compose.global_topics(real)}

    def build(_hash: str, slot: str) -> Sequence[Agent]:
        return compose.agents(real, compose.wiring(real, INSTALLATION, slot=slot))

    def agents(topology: Topology) -> Sequence[Agent]:
        return compose.agents(topology, compose.wiring(topology, INSTALLATION))

    span = Span(from_ms, to_ms or driver.now_ms, driver.now_ms)
    replay = Replay(driver.host.log, build, known, None, from_ms)
    tried: OfTime = (lambda _: other) if isinstance(other, Topology) else other
    change = Change(lambda _: real, tried, agents, Chosen(known, choice))
    return Course(driver.host.log, replay, change, span, lambda _at, _count: None).run()


def line(found: Difference) -> str:
    """A difference in a line: kind, receivers where they differ, title, by how many seconds."""
    shift = f" by {found.shift_ms / 1000:g}s" if found.kind in ("later", "earlier") else ""
    where = f" {found.receiver} → {found.other_receiver}" if found.kind == "elsewhere" else ""
    return f"{found.kind}{where}: {found.title}{shift}"
