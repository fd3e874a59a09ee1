"""What the catalog knows of an alert's service, and what was done to it lately, as facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Change, ChangeEntry, Service
from pipeline.stages.enrich.facts import FIELDS

RECENT_CHANGES: Final = "annotations.recent_changes"
SUMMARY_CHARS_MAX: Final = 150
"""Characters of one change's summary."""

DEPENDENCIES_MAX: Final = 50
"""Dependencies of a service whose changes are looked at, the first ones."""


def service_facts(service: Service, links_max: int, kept: frozenset[str]) -> dict[str, str]:
    """Owner, tier, runbook, links and the service's own labels.

    Labels named like a field or in `kept` (those that make the scope) are left out: an edit of
    the catalog must not move an open incident's alerts elsewhere.
    """
    facts = {
        "labels.team": service.team,
        "labels.tier": str(service.tier) if service.tier else "",
        "annotations.runbook": service.runbook,
        "annotations.service_description": service.description,
    }
    for name, value in service.labels.items():
        if name not in FIELDS and name not in kept:
            facts.setdefault(f"labels.{name}", value)
    for name in sorted(service.links)[:links_max]:
        facts[f"annotations.link.{name}"] = service.links[name]
    return facts


def change_facts(
    alert: Alert,
    service: Service | None,
    changes: Mapping[str, Change],
    window_ms: int,
    changes_max: int,
) -> dict[str, str]:
    """The latest changes of the service and of what it depends on directly, from `window_ms`
    before the alert began until it arrived: a line each, the latest first.
    """
    if not window_ms or not alert.is_firing:
        return {}
    names = (alert.service, *(service.dependencies[:DEPENDENCIES_MAX] if service else ()))
    since_ms, until_ms = alert.starts_at_ms - window_ms, alert.received_at_ms
    recent = [
        (entry.at_ms, name, entry)
        for name, entry in _entries(names, changes)
        if since_ms <= entry.at_ms <= until_ms
    ]
    if not recent:
        return {}
    recent.sort(key=lambda found: (-found[0], found[1], found[2].change_id))
    lines = [_line(name, entry) for _, name, entry in recent[:changes_max]]
    return {RECENT_CHANGES: "\n".join(lines)}


def _entries(
    names: tuple[str, ...], changes: Mapping[str, Change]
) -> Iterator[tuple[str, ChangeEntry]]:
    for name in dict.fromkeys(names):
        change = changes.get(name)
        if change is not None:
            for entry in change.entries:
                yield name, entry


def _line(service: str, entry: ChangeEntry) -> str:
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    by = f" by {entry.author}" if entry.author else ""
    return f"{at} {entry.kind} {service}: {entry.summary[:SUMMARY_CHARS_MAX]}{by}"
