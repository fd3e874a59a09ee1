"""The stage `watch`: expected alerts that stop become alerts."""

from __future__ import annotations

from pipeline.domain.wiring import Wiring
from pipeline.stages.watch.stage import WatchStage


def build(wiring: Wiring) -> WatchStage:
    """The stage as `observe.heartbeats` of topology.yaml declares it; none: it lets all pass."""
    return WatchStage(wiring.sections.get("heartbeats") or (), wiring.scope)
