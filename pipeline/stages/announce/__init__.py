"""The stage `announce`: receivers that ask for it are told of deploys and other changes."""

from __future__ import annotations

from pipeline.domain.wiring import Wiring
from pipeline.stages.announce.stage import AnnounceStage


def build(wiring: Wiring) -> AnnounceStage:
    """The stage for the receivers that say `changes: true`; none: it only remembers."""
    receivers = wiring.sections.get("receivers") or {}
    return AnnounceStage(tuple(name for name, each in receivers.items() if each.changes))
