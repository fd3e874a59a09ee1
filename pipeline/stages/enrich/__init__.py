"""enrich: adds what the catalog and the rules know to an alert, and finds its scope."""

from pipeline.stages.enrich.stage import build

__all__ = ["build"]
