"""ingest: alerts in any known format become normalised Alerts; the same parsers serve the edge."""

from pipeline.stages.ingest.config import IngestConfig
from pipeline.stages.ingest.draft import Draft, Parsed, encode_draft
from pipeline.stages.ingest.identity import draft_fingerprint
from pipeline.stages.ingest.normalise import normalise
from pipeline.stages.ingest.parse import parse
from pipeline.stages.ingest.stage import build

__all__ = [
    "Draft",
    "IngestConfig",
    "Parsed",
    "build",
    "draft_fingerprint",
    "encode_draft",
    "normalise",
    "parse",
]
