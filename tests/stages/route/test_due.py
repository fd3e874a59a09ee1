"""Instants and durations as reasons say them, also the absurd ones."""

from __future__ import annotations

import pytest

from pipeline.domain.units import Duration
from pipeline.stages.route.config import Route
from pipeline.stages.route.due import instant
from tests.stages.route.world import World, said


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_772_955_000_999, "2026-03-08T07:30:00Z"),
        (2**62, "9999-12-31T23:59:59Z"),
    ],
)
def test_an_instant_is_written_in_utc(at_ms: int, text: str) -> None:
    assert instant(at_ms) == text


def test_an_absurd_repeat_is_never_due_and_breaks_nothing() -> None:
    world = World(Route(receiver="chat", repeat=Duration.parse("999999w")))
    assert said(world.open()) == [("chat", "trigger", 1)]
    assert world.kept().routing.held[0].reason == "route.not_due"


def test_why_says_since_when_and_how_often() -> None:
    world = World(Route(receiver="chat", repeat=Duration.parse("1h30m")))
    world.open()
    [again] = world.advance("90m")
    assert again.why == (
        "chat is told again: unacknowledged since 2023-11-14T22:13:20Z, repeat 1h30m"
    )
