"""The section `enrich` of topology.yaml: what is added to an alert, and from where."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from pipeline.domain.matchers import Matcher, parse_all
from pipeline.domain.units import Duration
from pipeline.stages.enrich.facts import check_target
from pipeline.stages.enrich.pattern import compile_extraction

When = tuple[str, ...] | dict[str, str]
"""Matchers in Alertmanager's syntax that all must hold, or equalities `{label: value}`."""

ROWS_MAX: Final = 50_000
"""Rows of one table; a longer one is refused when it is declared."""


class Extraction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""Named groups of a pattern become fields or labels: `(?P<host>\S+) is down`."""

    source: str = field(name="from")
    """Where to look: a field, or `labels.<name>` or `annotations.<name>`."""
    pattern: str
    """Must match from the first to the last character, as in Prometheus' relabelling. Patterns
    that could take very long are refused; of a long text only the beginning is looked at."""
    when: When = ()
    """Only for alerts that match; empty: for all."""

    def __post_init__(self) -> None:
        check_target(self.source)
        if "severity" in compile_extraction(self.pattern).names:
            raise ValueError("extract severity under another name and translate it by a map")
        matchers_of(self.when)


class Lookup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table: the values of some fields or labels give those of others."""

    source: tuple[str, ...] = field(name="from")
    """The columns that are compared, all of them, letter by letter."""
    to: tuple[str, ...]
    """The columns that are set."""
    rows: tuple[tuple[str, ...], ...]
    """One row per combination, first the compared columns, then the others; "" sets nothing."""

    def __post_init__(self) -> None:
        for name in (*self.source, *self.to):
            check_target(name)
        if not self.source or not self.to:
            raise ValueError("a table needs columns in `from` and in `to`")
        if len(self.rows) > ROWS_MAX:
            raise ValueError(f"the table has {len(self.rows)} rows, {ROWS_MAX} are allowed")
        width, seen = len(self.source) + len(self.to), set[tuple[str, ...]]()
        for number, row in enumerate(self.rows, 1):
            if len(row) != width:
                raise ValueError(f"row {number} has {len(row)} cells, its table {width} columns")
            key = row[: len(self.source)]
            if key in seen:
                raise ValueError(f"row {number} repeats {', '.join(key)}")
            seen.add(key)
            for name, value in zip(self.to, row[len(self.source) :], strict=True):
                check_target(name, value)


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping rule: for alerts that match, set what is declared; all rules are tried."""

    when: When = ()
    """Which alerts; empty: all."""
    set: dict[str, str] = field(default_factory=dict)
    """Field, `labels.<name>`, `annotations.<name>` or a bare label → value."""
    table: Lookup | None = None
    """More to be set, by a table."""
    override: bool = False
    """Also overwrite what the sender said; the fingerprint stays."""

    def __post_init__(self) -> None:
        matchers_of(self.when)
        for name, value in self.set.items():
            check_target(name, value)


class EnrichConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is added to an alert: first extracted, then mapped, then looked up in the catalog.

    What the sender said is never overwritten, except by a rule that says `override`.
    """

    extract: tuple[Extraction, ...] = ()
    """Extraction rules, in order."""
    map: tuple[Rule, ...] = ()
    """Mapping rules, in order; later ones see what earlier ones set."""
    changes_window: Duration = Duration(3_600_000)
    """How long before an alert began a change counts as recent; `off`: none does."""
    changes_max: int = 5
    """Changes listed on an alert, the latest ones."""
    links_max: int = 10
    """Links of a service that are copied to an alert, the first ones by name."""


def matchers_of(when: When) -> tuple[Matcher, ...]:
    """The matchers of a condition. Raises ValueError where one cannot be read."""
    if isinstance(when, dict):
        return tuple(Matcher(name, "=", value) for name, value in when.items())
    return parse_all(when)
