"""Choice: few stories that between them have every kind of step and touch every part of the rules.

All of them take minutes on Kafka. The few are found by their features, so that a story of a new
kind is among them by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.domain.units import Duration

Story = tuple[str, Mapping[str, Any]]
"""Its id, and what it says."""

START = 40
"""What it takes to start a worker, in steps."""

STEPS_PER_HOUR = 10
HOUR_MS = 3_600_000

STORM = 10
"""So many alerts that come at once are one step."""

VARIANTS = ("kind",)
"""What further tells steps of one word apart."""


def features(story: Mapping[str, Any]) -> set[str]:
    """The kinds of step of a story and the sections of topology.yaml that it states."""
    return {*(story.get("topology") or {}), *_steps(story), *story}


def few(stories: Sequence[Story]) -> list[Story]:
    """As few as it takes to have every feature: each time the one that brings most in its time."""
    wanted = set().union(*(features(story) for _, story in stories))
    chosen: list[Story] = []
    while wanted:
        best = max(
            stories, key=lambda one: len(features(one[1]) & wanted) / (START + length(one[1]))
        )
        wanted -= features(best[1])
        chosen.append(best)
    return [one for one in stories if one in chosen]


def length(story: Mapping[str, Any]) -> float:
    """How long it takes to tell, in steps. In an hour that passes there may be many wakes."""
    return sum(_length(*next(iter(step.items()))) for step in story["steps"])


def _length(word: str, what: Any) -> float:
    if word in ("wait", "sleep"):
        return 1 + STEPS_PER_HOUR * Duration.parse(what) / HOUR_MS
    if word == "alerts":
        return len(what)
    if word == "repeat":
        return int(what["times"]) * (1 + _length("wait", what["every"]))
    return int(what["count"]) / STORM if word == "storm" else 1


def _steps(story: Mapping[str, Any]) -> Iterator[str]:
    for step in story["steps"]:
        for word, what in step.items():
            yield word
            if word == "receiver":
                yield from (f"receiver {health}" for health in what.values())
            elif isinstance(what, Mapping):
                yield from (f"{word} {name} {what[name]}" for name in VARIANTS if name in what)
