"""Service and Change: what the catalog knows of a service, and what was done to it lately."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

CHANGES_MAX: Final = 20
"""A Change value holds the service's last so many entries."""


class Service(Struct, frozen=True, kw_only=True):
    """An entry of the catalog. `tier` 1 matters most, 0 is unknown; `dependencies` are names
    of the services that this one needs.
    """

    name: str
    team: str = ""
    tier: int = 0
    description: str = ""
    runbook: str = ""
    dependencies: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


class ChangeEntry(Struct, frozen=True, kw_only=True):
    """One deploy or configuration change. `kind` is a word such as deploy or config."""

    change_id: str
    kind: str
    summary: str
    at_ms: int
    author: str = ""
    link: str = ""


class Change(Struct, frozen=True, kw_only=True):
    """The last CHANGES_MAX changes of one service, the latest first."""

    service: str
    entries: tuple[ChangeEntry, ...] = ()
