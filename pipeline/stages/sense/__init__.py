"""The stage `sense`: what is unusual in the alerts of a scope, told on their incidents."""

from __future__ import annotations

from pipeline.domain.wiring import Wiring
from pipeline.stages.sense.config import Sense
from pipeline.stages.sense.stage import SenseStage


def build(wiring: Wiring) -> SenseStage:
    """The stage as `sense` of topology.yaml declares it; without a detector it lets all pass."""
    config = wiring.sections.get("sense") or Sense()
    return SenseStage(config, wiring.detector, wiring.precedes, wiring.scope)
