"""Sniffing: which format a record without a format header is written in."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.stages.ingest.config import IngestConfig


def sniff(value: bytes, headers: Mapping[str, str], config: IngestConfig) -> str:
    """The format of a body from a foreign producer."""
    return "native"
