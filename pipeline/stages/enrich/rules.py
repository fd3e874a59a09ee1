"""Rules: extraction and mapping, compiled once and applied to one alert after the other."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.alert import Alert
from pipeline.domain.matchers import Matcher, label_set, matches
from pipeline.stages.enrich.config import EnrichConfig, Lookup, matchers_of
from pipeline.stages.enrich.facts import value_of, with_facts
from pipeline.stages.enrich.pattern import Pattern, compile_extraction


class Step(Struct, frozen=True, kw_only=True):
    """One rule, compiled: which alerts, and what it gives them."""

    matchers: tuple[Matcher, ...]
    facts: dict[str, str]
    source: str = ""
    pattern: Pattern | None = None
    table: Lookup | None = None
    rows: dict[tuple[str, ...], tuple[str, ...]]
    is_override: bool = False

    def apply(self, alert: Alert) -> Alert:
        """The alert with what this rule gives it."""
        if self.matchers and not matches(self.matchers, label_set(alert)):
            return alert
        if self.pattern is not None:
            return with_facts(alert, self.pattern.extract(value_of(alert, self.source)))
        facts = self.facts
        if self.table is not None:
            row = self.rows.get(tuple(value_of(alert, name) for name in self.table.source))
            if row is not None:
                facts = facts | dict(zip(self.table.to, row, strict=True))
        return with_facts(alert, facts, is_override=self.is_override)


def compile_steps(config: EnrichConfig) -> tuple[Step, ...]:
    """All rules in the order in which they are applied."""
    extracting = [
        Step(
            matchers=matchers_of(rule.when),
            facts={},
            source=rule.source,
            pattern=compile_extraction(rule.pattern),
            rows={},
        )
        for rule in config.extract
    ]
    mapping = [
        Step(
            matchers=matchers_of(rule.when),
            facts=rule.set,
            table=rule.table,
            rows=_rows(rule.table) if rule.table else {},
            is_override=rule.override,
        )
        for rule in config.map
    ]
    return (*extracting, *mapping)


def _rows(table: Lookup) -> dict[tuple[str, ...], tuple[str, ...]]:
    width = len(table.source)
    return {row[:width]: row[width:] for row in table.rows}
