"""The stage `correlate`: which alerts are news, and which of them belong together."""

from __future__ import annotations

from pipeline.domain.wiring import Wiring
from pipeline.stages.correlate.stage import Correlate


def build(wiring: Wiring) -> Correlate:
    """The stage with its section `correlate` and the labels that make a scope."""
    return Correlate(wiring)
