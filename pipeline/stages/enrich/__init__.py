"""enrich: adds what the catalog and the rules know to an alert, and finds its scope."""

from pipeline.stages.enrich.catalog import Catalog, parse_services
from pipeline.stages.enrich.config import EnrichConfig
from pipeline.stages.enrich.stage import build

__all__ = ["Catalog", "EnrichConfig", "build", "parse_services"]
