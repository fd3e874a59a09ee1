"""What is counted of one service: its alerts, changes and incidents, each fading with time.

A count fades by its time constant, so it is about how many there were in that time. Of rules the
latest RULES_MAX are kept: at the limit the one that weighs least now is forgotten.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct, field

MINUTE_MS: Final = 60_000
SPANS_MS: Final = (5 * MINUTE_MS, 30 * MINUTE_MS, 360 * MINUTE_MS, 7 * 1_440 * MINUTE_MS)
"""Time constants of the counts of alerts: five minutes, half an hour, six hours, a week."""

SHORT_MS: Final = SPANS_MS[1]
LONG_MS: Final = SPANS_MS[3]

SEVERE_RANK: Final = 3
"""Alerts of rank 3 (error) and 4 (critical) are severe."""

RULES_MAX: Final = 48
CHARS_MAX: Final = 200
"""Of a rule's name; what is longer is cut."""

STEP_MS_MAX: Final = 30 * 1_440 * MINUTE_MS
"""A longer pause, or a clock that jumped, fades as much as a month."""

NEVER: Final = -1


class Rule(Struct, array_like=True):
    """How often one rule fired lately (SHORT_MS) and as a rule (LONG_MS), as of `at_ms`."""

    at_ms: int
    short: float = 0.0
    long: float = 0.0


class Service(Struct, array_like=True):
    """One service as of `at_ms`: counts of alerts and of severe ones by SPANS_MS, since when it is
    known, and when the last alert, severe alert, change and incident were (NEVER: none known).
    """

    at_ms: int = 0
    counts: list[float] = field(default_factory=lambda: [0.0] * len(SPANS_MS))
    severe: list[float] = field(default_factory=lambda: [0.0] * len(SPANS_MS))
    incidents: float = 0.0
    known_at_ms: int = NEVER
    alert_at_ms: int = NEVER
    severe_at_ms: int = NEVER
    change_at_ms: int = NEVER
    incident_at_ms: int = NEVER
    rules: dict[str, Rule] = field(default_factory=dict)


def fade(since_ms: int, now_ms: int, span_ms: int) -> float:
    """What is left of a count of `since_ms`; all of it where the clock went back."""
    return math.exp(-min(max(now_ms - since_ms, 0), STEP_MS_MAX) / span_ms)


def advance(service: Service, now_ms: int) -> None:
    """Fade the counts up to now; a clock that went back changes nothing."""
    if service.known_at_ms == NEVER:
        service.known_at_ms = now_ms
    if now_ms <= service.at_ms:
        return
    for number, span_ms in enumerate(SPANS_MS):
        left = fade(service.at_ms, now_ms, span_ms)
        service.counts[number] *= left
        service.severe[number] *= left
    service.incidents *= fade(service.at_ms, now_ms, LONG_MS)
    service.at_ms = now_ms


def alerted(service: Service, rule: str, severity_rank: int, at_ms: int) -> None:
    """An alert began to fire."""
    advance(service, at_ms)
    is_severe = severity_rank >= SEVERE_RANK
    for number in range(len(SPANS_MS)):
        service.counts[number] += 1.0
        service.severe[number] += is_severe
    service.alert_at_ms = service.at_ms
    if is_severe:
        service.severe_at_ms = service.at_ms
    name = rule[:CHARS_MAX]
    found = service.rules.get(name)
    if found is None:
        if len(service.rules) >= RULES_MAX:
            del service.rules[_lightest(service)]
        found = service.rules[name] = Rule(service.at_ms)
    found.short = found.short * fade(found.at_ms, service.at_ms, SHORT_MS) + 1.0
    found.long = found.long * fade(found.at_ms, service.at_ms, LONG_MS) + 1.0
    found.at_ms = service.at_ms


def watched_ms(service: Service, now_ms: int) -> float:
    """Over how long, about, what fades by LONG_MS was counted."""
    return LONG_MS * (1.0 - fade(service.known_at_ms, now_ms, LONG_MS)) + SHORT_MS


def changed(service: Service, at_ms: int) -> None:
    """The service was changed: a deploy, a configuration."""
    advance(service, at_ms)
    service.change_at_ms = service.at_ms


def opened(service: Service, at_ms: int) -> None:
    """An incident opened."""
    advance(service, at_ms)
    service.incidents += 1.0
    service.incident_at_ms = service.at_ms


def _lightest(service: Service) -> str:
    return min(
        service.rules,
        key=lambda name: (
            service.rules[name].long * fade(service.rules[name].at_ms, service.at_ms, LONG_MS),
            name,
        ),
    )
