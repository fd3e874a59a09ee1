"""Reason: why a decision was taken, as data.

A reason is one of a closed set, so that it can be a metric's label; what varies is in its
facts. Each stage declares its own reasons beside its decision.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

REASONS_MAX: Final = 50
"""An incident keeps its last so many reasons; older ones are on `audit`."""

FACT_SIZE_MAX: Final = 300
"""Characters of one fact; longer ones are cut."""


class Reason(Struct, frozen=True):
    """One kind of reason. `name` is `stage.word`; `text` says it to a person.

    `text` is a format string over the facts. What is not `is_audited` is only counted: it
    would be written for each repetition of an alert.
    """

    name: str
    text: str
    is_audited: bool = True

    def render(self, facts: dict[str, str]) -> str:
        """Say the reason with its facts; a missing fact shows as its name."""
        return self.text.format_map(_Named(facts))


class ReasonLine(Struct, frozen=True, kw_only=True):
    """One reason on an incident: when, which, and the sentence."""

    at_ms: int
    reason: str
    text: str
    facts: dict[str, str] = field(default_factory=dict)


class _Named(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"({key})"
