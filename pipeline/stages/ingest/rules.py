"""Rules: an IngestConfig made ready for the hot path, once per configuration."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.stages.ingest.config import DEFAULT_ALIASES, IngestConfig
from pipeline.stages.ingest.generic import Source, compile_source
from pipeline.stages.ingest.words import SEVERITIES, STATUSES

KEPT_MAX: Final = 16
"""Configurations kept ready: a few tenants or test cases; at the limit all are made anew."""


class Rules(Struct, frozen=True, kw_only=True):
    """Words, aliases and identity of one configuration. `aliases` are (field, its labels);
    `sources_by_type` names the generic source of a CloudEvents type.
    """

    config: IngestConfig
    statuses: dict[str, str]
    severities: dict[str, str]
    aliases: tuple[tuple[str, tuple[str, ...]], ...]
    identity: tuple[tuple[str, tuple[str, ...]], ...]
    sources: dict[str, Source]
    sources_by_type: dict[str, str]


_ready: dict[int, Rules] = {}


def rules_of(config: IngestConfig) -> Rules:
    """The rules of a configuration, kept by its id (Rules holds it, so the id stays its own)."""
    known = _ready.get(id(config))
    if known is None:
        if len(_ready) >= KEPT_MAX:
            _ready.clear()
        known = _ready[id(config)] = _make(config)
    return known


def _make(config: IngestConfig) -> Rules:
    aliases = DEFAULT_ALIASES | config.labels_to_fields
    return Rules(
        config=config,
        statuses=STATUSES | _lower(config.statuses),
        severities=SEVERITIES | _lower(config.severities),
        aliases=tuple(aliases.items()),
        identity=tuple((name, aliases.get(name, ())) for name in config.identity),
        sources={name: compile_source(name, one) for name, one in config.sources.items()},
        sources_by_type={kind: name for name, one in config.sources.items() for kind in one.types},
    )


def _lower(words: dict[str, str]) -> dict[str, str]:
    return words | {given.lower(): meant for given, meant in words.items()}
