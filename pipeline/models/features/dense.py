"""The dense figures of a subject: sixteen, each in [-1, 1], each named with what it measures."""

from __future__ import annotations

import math
from typing import Final

from pipeline.domain.alert import severity_rank
from pipeline.domain.model import Subject

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_SATURDAY: Final = 5

NAMES: Final[tuple[str, ...]] = (
    "severity",  # rank of the alert's severity, 0 unknown to 1 critical
    "tier",  # 1 for tier 1, 1/2 for 2, 1/3 for 3 …, 0 unknown
    "dependents",  # services that need this one: log(1 + n) / 7
    "services",  # services of the incident: log(1 + n) / 4
    "alerts",  # its distinct alerts: log(1 + n) / 7
    "events",  # all it received: log(1 + n) / 10
    "reopened",  # times it was reopened: log(1 + n) / 4
    "change",  # 1 at a change of the service, halved after 30 minutes, 0 where none is known
    "age",  # minutes since it was opened: log(1 + n) / 8
    "hour_sin",  # hour of the day, UTC, on the circle
    "hour_cos",
    "weekend",  # 1 on Saturday and Sunday, UTC
    "excess",  # how far the value lies beyond its threshold: log(value / threshold) / 3
    "text",  # characters of the description: log(1 + n) / 8
    "people",  # texts that people wrote: log(1 + n) / 3
    "tone",  # urgent less calm words in them, by pressure()
)
COUNT: Final = len(NAMES)

STEPS: Final = 4
"""Steps of a figure between 0 and 1 that are told apart as tokens."""

_SAID_BY_FACTS: Final = frozenset({"severity", "tier", "dependents", "text"})
_TOKENS: Final = tuple(
    (place, tuple(f"{name}~{step}" for step in (*range(STEPS + 1), *range(-STEPS, 0))))
    for place, name in enumerate(NAMES)
    if name not in _SAID_BY_FACTS
)

URGENT: Final = frozenset(
    {
        "asap", "blocked", "breach", "broken", "critical", "customers", "down", "emergency",
        "immediately", "impact", "losing", "lost", "outage", "revenue", "severe", "stuck",
        "unavailable", "urgent", "urgently", "users",
    }
)  # fmt: skip
CALM: Final = frozenset(
    {
        "cosmetic", "duplicate", "expected", "false", "flaky", "harmless", "ignore", "known",
        "later", "maintenance", "minor", "noise", "planned", "test", "testing", "transient",
    }
)  # fmt: skip


def pressure(words: list[str]) -> float:
    """The tone of what people wrote, -1 (calm) to 1 (urgent): each such word a third."""
    balance = sum((word in URGENT) - (word in CALM) for word in words)
    return max(-1.0, min(1.0, balance / 3.0))


def _log(count: float, scale: float) -> float:
    return min(1.0, math.log1p(count) / scale) if count > 0 else 0.0


def _excess(value: float, threshold: float) -> float:
    if not (math.isfinite(value) and math.isfinite(threshold) and value > 0 and threshold > 0):
        return 0.0
    return max(-1.0, min(1.0, (math.log(value) - math.log(threshold)) / 3.0))


def dense(subject: Subject, words_of_people: list[str]) -> tuple[float, ...]:
    """The figures of a subject in the order of NAMES."""
    hour = subject.at_ms % _DAY_MS / _HOUR_MS * (math.pi / 12.0)
    change_ms = subject.change_age_ms
    return (
        severity_rank(subject.severity) / 4.0,
        1.0 / subject.tier if subject.tier > 0 else 0.0,
        _log(subject.dependents_count, 7.0),
        _log(subject.services_count, 4.0),
        _log(subject.alerts_count, 7.0),
        _log(subject.events_count, 10.0),
        _log(subject.reopened_count, 4.0),
        1.0 / (1.0 + change_ms / 1_800_000.0) if change_ms >= 0 else 0.0,
        _log(subject.age_ms / 60_000.0, 8.0),
        math.sin(hour),
        math.cos(hour),
        1.0 if (subject.at_ms // _DAY_MS + 3) % 7 >= _SATURDAY else 0.0,
        _excess(subject.value, subject.threshold),
        _log(len(subject.description), 8.0),
        _log(len(subject.texts), 3.0),
        pressure(words_of_people) if words_of_people else 0.0,
    )


def steps(figures: tuple[float, ...]) -> list[str]:
    """Tokens for the figures that no fact says: a linear model sees by them what is not linear.
    A figure about 0 has none.
    """
    found = []
    for place, tokens in _TOKENS:
        step = round(figures[place] * STEPS)
        if step:
            found.append(tokens[step])
    return found
