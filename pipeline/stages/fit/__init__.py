"""The stage `fit`: outcomes become models, and models snapshots."""

from __future__ import annotations

from pipeline.domain.sharing import Models
from pipeline.domain.wiring import Wiring
from pipeline.stages.fit.stage import FitStage


def build(wiring: Wiring) -> FitStage:
    """The stage; without learning it passes every outcome over."""
    models = wiring.sections.get("models") or Models()
    return FitStage(wiring.learning, has_rivals=models.on_drift == "shadow")
