"""The section `enrich` of topology.yaml: what is added to an alert, and from where."""

from __future__ import annotations

from msgspec import Struct


class EnrichConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is added to an alert; what the sender said is never overwritten."""
