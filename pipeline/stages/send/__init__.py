"""Send: the outbox, the order per incident, rate, health and receipts of every receiver."""

from __future__ import annotations

from pipeline.domain.wiring import Wiring
from pipeline.stages.send.stage import SendStage


def build(wiring: Wiring) -> SendStage:
    """The stage, from the section `receivers`."""
    return SendStage(wiring)
