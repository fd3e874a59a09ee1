"""The stage `foresee`: how likely a service is to have an incident within half an hour."""

from __future__ import annotations

from pipeline.domain.sharing import Models
from pipeline.domain.wiring import Wiring
from pipeline.stages.foresee.config import Foresee
from pipeline.stages.foresee.stage import ForeseeStage


def build(wiring: Wiring) -> ForeseeStage:
    """The stage as topology.yaml's `foresee` declares it; without learning it lets all pass."""
    return ForeseeStage(
        wiring.sections.get("foresee") or Foresee(),
        wiring.sections.get("models") or Models(),
        wiring.learning,
        wiring.scope,
    )
