"""Times as people type them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import times
from pipeline.domain.errors import UsageError

NOW_MS = 1_700_000_000_000


def local_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone().timestamp() * 1000)


def today() -> str:
    return datetime.fromtimestamp(NOW_MS / 1000).astimezone().date().isoformat()


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("now", NOW_MS),
        ("2h", NOW_MS - 7_200_000),
        ("-2h", NOW_MS - 7_200_000),
        ("1h30m", NOW_MS - 5_400_000),
        ("1700000000123", 1_700_000_000_123),
        ("2023-11-14T22:13:20Z", NOW_MS),
        ("2023-11-14T23:13:20+01:00", NOW_MS),
        ("2023-11-14T10:00", local_ms("2023-11-14T10:00")),
        ("2023-11-14", local_ms("2023-11-14")),
        ("9:30", local_ms(f"{today()}T09:30")),
        ("09:30:15", local_ms(f"{today()}T09:30:15")),
    ],
)
def test_a_time_in_the_past(text: str, at_ms: int) -> None:
    assert times.past_ms(text, NOW_MS) == at_ms


def test_a_duration_may_lie_ahead() -> None:
    assert times.coming_ms("2h", NOW_MS) == NOW_MS + 7_200_000


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2h ago", "2026-13-01", "99999999999999d"])
def test_what_is_no_time_says_what_is(text: str) -> None:
    with pytest.raises(UsageError, match="10:00") as caught:
        times.past_ms(text, NOW_MS)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (0, "0 ms"),
        (850, "850 ms"),
        (1_250, "1.2 s"),
        (12_000, "12s"),
        (200_000, "3m 20s"),
        (7_500_000, "2h 5m"),
        (349_200_000, "4d 1h"),
    ],
)
def test_a_length_of_time_is_short_to_read(length_ms: int, text: str) -> None:
    assert times.span(length_ms) == text


@given(st.integers(min_value=10**11, max_value=4 * 10**12))
def test_what_is_written_is_read(at_ms: int) -> None:
    assert times.past_ms(times.rfc3339(at_ms), NOW_MS) == at_ms
