"""The stage `classify`: what kind of trouble an incident is, how bad it is, and whose."""

from __future__ import annotations

from pipeline.domain.sharing import Models
from pipeline.domain.wiring import Wiring
from pipeline.stages.classify.stage import ClassifyStage


def build(wiring: Wiring) -> ClassifyStage:
    """The stage as topology.yaml's `models` declares it; without learning the rules decide."""
    pause = wiring.sections.get("pause")
    return ClassifyStage(
        wiring.sections.get("models") or Models(),
        wiring.learning,
        risk=0.0 if pause is None else pause.risk,
    )
