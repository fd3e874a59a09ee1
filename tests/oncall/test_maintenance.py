"""The windows of silences and of maintenances."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.silence import Silence
from pipeline.oncall.maintenance import Calendar, Window

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def silence(**facts: Any) -> Silence:
    given_facts: dict[str, Any] = {
        "silence_id": "s",
        "tenant": "default",
        "matchers": ("a=b",),
        "starts_at_ms": 0,
        "ends_at_ms": 10 * DAY_MS,
        "created_by": "ann",
    }
    return Silence(**(given_facts | facts))


def daily(**facts: Any) -> Silence:
    return silence(rrule="FREQ=DAILY", duration_ms=HOUR_MS, **facts)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (-1, None),
        (0, Window(0, 10 * DAY_MS)),
        (10 * DAY_MS - 1, Window(0, 10 * DAY_MS)),
        (10 * DAY_MS, None),
    ],
)
def test_a_silence_mutes_from_its_start_up_to_its_end(at: int, expected: Window | None) -> None:
    assert Calendar(silence()).window_at(at) == expected


def test_a_silence_begins_when_every_worker_has_it() -> None:
    calendar = Calendar(silence(effective_at_ms=2_000))
    assert calendar.window_at(1_999) is None
    assert calendar.window_at(2_000) == Window(2_000, 10 * DAY_MS)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, Window(0, HOUR_MS)),
        (HOUR_MS - 1, Window(0, HOUR_MS)),
        (HOUR_MS, None),
        (DAY_MS - 1, None),
        (3 * DAY_MS, Window(3 * DAY_MS, 3 * DAY_MS + HOUR_MS)),
        (10 * DAY_MS, None),
    ],
)
def test_a_maintenance_mutes_in_its_windows(at: int, expected: Window | None) -> None:
    assert Calendar(daily()).window_at(at) == expected


def test_an_earlier_instant_is_answered_as_well() -> None:
    calendar = Calendar(daily())
    assert calendar.window_at(5 * DAY_MS) is not None
    assert calendar.window_at(5) == Window(0, HOUR_MS)
    assert calendar.window_at(HOUR_MS) is None


def test_the_last_window_is_cut_at_the_end_and_the_first_at_effect() -> None:
    calendar = Calendar(daily(ends_at_ms=DAY_MS + 60_000, effective_at_ms=1_000))
    assert calendar.windows(0) == (Window(1_000, HOUR_MS), Window(DAY_MS, DAY_MS + 60_000))
    assert calendar.window_at(DAY_MS + 1) == Window(DAY_MS, DAY_MS + 60_000)


def test_the_next_windows_are_shown() -> None:
    found = Calendar(daily()).windows(HOUR_MS, 2)
    assert found == (
        Window(DAY_MS, DAY_MS + HOUR_MS),
        Window(2 * DAY_MS, 2 * DAY_MS + HOUR_MS),
    )
    assert Calendar(silence()).windows(10 * DAY_MS) == ()


def test_a_weekly_window_of_two_hours_lasts_two_hours_when_the_clock_changes() -> None:
    calendar = Calendar(
        silence(
            starts_at_ms=at_ms("2026-03-22T01:00:00+01:00"),
            ends_at_ms=at_ms("2026-06-01T00:00:00+00:00"),
            rrule="FREQ=WEEKLY;BYDAY=SU",
            duration_ms=2 * HOUR_MS,
            time_zone="Europe/Berlin",
        )
    )
    start_ms = at_ms("2026-03-29T01:00:00+01:00")
    assert calendar.window_at(start_ms) == Window(start_ms, at_ms("2026-03-29T04:00:00+02:00"))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"ends_at_ms": 0}, "needs an end"),
        ({"ends_at_ms": 2**60}, "between the years"),
        ({"starts_at_ms": -1}, "between the years"),
        ({"rrule": "FREQ=DAILY"}, "needs a duration"),
        ({"rrule": "FREQ=DAILY", "duration_ms": 32 * DAY_MS}, "needs a duration"),
        ({"duration_ms": 5}, "set ends_at"),
        ({"rrule": "FREQ=NEVER", "duration_ms": 5}, "FREQ"),
        ({"time_zone": "Nowhere"}, "is not known"),
    ],
)
def test_what_makes_no_sense_is_refused(facts: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Calendar(silence(**facts))


@given(st.lists(st.integers(0, 11 * DAY_MS), max_size=20))
def test_the_answer_does_not_depend_on_what_was_asked_before(instants: list[int]) -> None:
    asked = Calendar(daily())
    for at in instants:
        fresh = Calendar(daily()).window_at(at)
        assert asked.window_at(at) == fresh
        assert (fresh is not None) is (at % DAY_MS < HOUR_MS and at < 10 * DAY_MS)
