"""What is said of a clock that is wrong: how far, what follows from it, and what to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.app.upkeep.troubles import span, troubles
from pipeline.hosts.clock import Clock

DAY_MS = 86_400_000
RUNNER = SimpleNamespace(host=SimpleNamespace(halted=dict), fault="")


def said(clock: Clock) -> dict[str, str]:
    clock.now_ms()
    return troubles(RUNNER, clock)  # type: ignore[arg-type]


def test_a_wall_behind_what_the_folder_has_seen() -> None:
    clock = Clock(lambda: 1_000_000, lambda: 0)
    clock.not_before(1_000_000 + 34_559_990_297)
    (word, text) = said(clock).popitem()
    assert word == "clock-behind"
    assert "400 days behind what this folder has seen" in text
    assert "half speed" in text
    assert "ms" not in text.split()


@pytest.mark.parametrize(
    ("by_ms", "expected"),
    [(3 * DAY_MS, "set forward by 3 days"), (-5_400_000, "set back by 90 minutes")],
)
def test_a_wall_that_was_set_while_it_ran(by_ms: int, expected: str) -> None:
    wall = [1_000 * DAY_MS]
    clock = Clock(lambda: wall[0], lambda: 0)
    assert said(clock) == {}
    wall[0] += by_ms
    (word, text) = said(clock).popitem()
    assert word == "clock"
    assert expected in text


def test_a_wall_that_was_repaired_while_time_was_ahead_is_not_yet_followed() -> None:
    wall = [1_000_000]
    clock = Clock(lambda: wall[0], lambda: 0)
    clock.not_before(1_000_000 + 3 * DAY_MS)
    wall[0] += 3 * DAY_MS
    found = said(clock)
    assert list(found) == ["clock"]
    assert "put right by 3 days" in found["clock"]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (60_001, "60 seconds"),
        (119_999, "120 seconds"),
        (120_000, "2 minutes"),
        (DAY_MS, "24 hours"),
    ],
)
def test_span(ms: int, text: str) -> None:
    assert span(ms) == text
