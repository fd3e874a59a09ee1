"""Foresight: what is counted of a service, from which a model is asked whether an incident comes.

A stage keeps `Counts` per service in its table. A count fades by its time constant, so it is about
how many there were in that time. Of rules the latest RULES_MAX are kept: at the limit the one that
weighs least now is forgotten. Instants are Unix milliseconds; a clock that went back changes no
count.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

HEAD: Final = "incident"
"""The one head of these models: does an incident open within HORIZON_MS? YES or NO."""

MINUTE_MS: Final = 60_000
HORIZON_MS: Final = 30 * MINUTE_MS
STEP_MS: Final = 5 * MINUTE_MS
"""How often a service is asked about."""

SPANS_MS: Final = (5 * MINUTE_MS, 30 * MINUTE_MS, 360 * MINUTE_MS, 7 * 1_440 * MINUTE_MS)
"""Time constants of the counts of alerts: five minutes, half an hour, six hours, a week."""

SHORT_MS: Final = SPANS_MS[1]
LONG_MS: Final = SPANS_MS[3]

SEVERE_RANK: Final = 3
"""Alerts of rank 3 (error) and 4 (critical) are severe."""

NEAR_MAX: Final = 16
"""Services whose trouble counts as near, of those that a service needs; others are passed over."""

RULES_MAX: Final = 48
CHARS_MAX: Final = 100
"""Of a rule's name; what is longer is cut."""

FADE_MS_MAX: Final = 30 * 1_440 * MINUTE_MS
"""A longer pause, or a clock that jumped, fades as much as a month."""

NEVER: Final = -1


class RuleCount(Struct, frozen=True, array_like=True):
    """How often one rule fired lately (SHORT_MS) and as a rule (LONG_MS), as of `at_ms`."""

    at_ms: int
    short: float = 0.0
    long: float = 0.0


class Counts(Struct, frozen=True, array_like=True):
    """One service as of `at_ms`: counts of alerts and of severe ones by SPANS_MS, since when it is
    known, and when the last alert, severe alert, change and incident were (NEVER: none known).
    """

    at_ms: int = 0
    alerts: tuple[float, ...] = (0.0,) * len(SPANS_MS)
    severe: tuple[float, ...] = (0.0,) * len(SPANS_MS)
    incidents: float = 0.0
    known_at_ms: int = NEVER
    alert_at_ms: int = NEVER
    severe_at_ms: int = NEVER
    change_at_ms: int = NEVER
    incident_at_ms: int = NEVER
    rules: dict[str, RuleCount] = field(default_factory=dict)


class Question(Struct, frozen=True):
    """What a model is asked: whether an incident comes at a service, as its counts and those of
    the services that it needs (at most NEAR_MAX count) are at an instant.
    """

    counts: Counts
    near: tuple[Counts, ...]
    at_ms: int


def fade(since_ms: int, now_ms: int, span_ms: int) -> float:
    """What is left of a count of `since_ms`; all of it where the clock went back."""
    return math.exp(-min(max(now_ms - since_ms, 0), FADE_MS_MAX) / span_ms)


def advanced(counts: Counts, now_ms: int) -> Counts:
    """The counts faded up to now."""
    known_at_ms = now_ms if counts.known_at_ms == NEVER else counts.known_at_ms
    if now_ms <= counts.at_ms:
        return replace(counts, known_at_ms=known_at_ms)
    left = [fade(counts.at_ms, now_ms, span_ms) for span_ms in SPANS_MS]
    return replace(
        counts,
        at_ms=now_ms,
        alerts=tuple([each * rest for each, rest in zip(counts.alerts, left, strict=True)]),
        severe=tuple([each * rest for each, rest in zip(counts.severe, left, strict=True)]),
        incidents=counts.incidents * left[-1],
        known_at_ms=known_at_ms,
    )


def alerted(counts: Counts, rule: str, severity_rank: int, at_ms: int) -> Counts:
    """With an alert of a rule that began to fire; rank 4 is critical, 3 error."""
    now = advanced(counts, at_ms)
    is_severe = severity_rank >= SEVERE_RANK
    name, rules = rule[:CHARS_MAX], dict(now.rules)
    found = rules.get(name)
    if found is None:
        if len(rules) >= RULES_MAX:
            del rules[_lightest(rules, now.at_ms)]
        found = RuleCount(now.at_ms)
    rules[name] = RuleCount(
        now.at_ms,
        found.short * fade(found.at_ms, now.at_ms, SHORT_MS) + 1.0,
        found.long * fade(found.at_ms, now.at_ms, LONG_MS) + 1.0,
    )
    return replace(
        now,
        alerts=tuple([each + 1.0 for each in now.alerts]),
        severe=tuple([each + 1.0 for each in now.severe]) if is_severe else now.severe,
        alert_at_ms=now.at_ms,
        severe_at_ms=now.at_ms if is_severe else now.severe_at_ms,
        rules=rules,
    )


def changed(counts: Counts, at_ms: int) -> Counts:
    """With a change of the service: a deploy, a configuration. It may lie before the last event."""
    return replace(counts, change_at_ms=max(counts.change_at_ms, at_ms))


def opened(counts: Counts, at_ms: int) -> Counts:
    """With an incident that opened."""
    now = advanced(counts, at_ms)
    return replace(now, incidents=now.incidents + 1.0, incident_at_ms=now.at_ms)


def watched_ms(counts: Counts, now_ms: int) -> float:
    """Over how long, about, what fades by LONG_MS was counted."""
    return LONG_MS * (1.0 - fade(counts.known_at_ms, now_ms, LONG_MS)) + SHORT_MS


def _lightest(rules: dict[str, RuleCount], now_ms: int) -> str:
    return min(
        rules, key=lambda name: (rules[name].long * fade(rules[name].at_ms, now_ms, LONG_MS), name)
    )
