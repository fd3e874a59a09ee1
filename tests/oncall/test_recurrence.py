"""Recurrence rules: wall time across the changes of clocks, and rules that are refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.oncall.recurrence import parse_rule, starts_of, zone_of


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def shown(rule: str, zone: str, start: str, count: int) -> list[str]:
    starts = starts_of(parse_rule(rule), ZoneInfo(zone), at_ms(start))
    return [
        datetime.fromtimestamp(start_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
        for start_ms in islice(starts, count)
    ]


@pytest.mark.parametrize(
    ("rule", "zone", "start", "expected"),
    [
        (  # 09:00 stays 09:00 when New York's clocks go forward
            "FREQ=WEEKLY",
            "America/New_York",
            "2026-03-01T14:00:00+00:00",
            ["2026-03-01T14:00Z", "2026-03-08T13:00Z", "2026-03-15T13:00Z"],
        ),
        (  # … and back
            "FREQ=DAILY;BYHOUR=9;BYMINUTE=0",
            "America/New_York",
            "2026-10-31T13:00:00+00:00",
            ["2026-10-31T13:00Z", "2026-11-01T14:00Z", "2026-11-02T14:00Z"],
        ),
        (  # 02:30 does not exist on that day: it is 03:30 there
            "FREQ=DAILY",
            "America/New_York",
            "2026-03-07T02:30:00-05:00",
            ["2026-03-07T07:30Z", "2026-03-08T07:30Z", "2026-03-09T06:30Z"],
        ),
        (  # 02:30 is moved behind 03:00, and the order stays right
            "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30",
            "Europe/Berlin",
            "2026-03-29T00:00:00+01:00",
            ["2026-03-29T01:00Z", "2026-03-29T01:30Z", "2026-03-30T00:00Z", "2026-03-30T00:30Z"],
        ),
        (  # 02:30 comes twice: the first is meant
            "FREQ=DAILY",
            "Europe/Berlin",
            "2026-10-24T02:30:00+02:00",
            ["2026-10-24T00:30Z", "2026-10-25T00:30Z", "2026-10-26T01:30Z"],
        ),
        (  # half an hour on Lord Howe
            "FREQ=WEEKLY",
            "Australia/Lord_Howe",
            "2026-09-27T02:15:00+10:30",
            ["2026-09-26T15:45Z", "2026-10-03T15:45Z", "2026-10-10T15:15Z"],
        ),
        (
            "RRULE:FREQ=MONTHLY;BYDAY=2SA",
            "UTC",
            "2026-01-01T22:00:00+00:00",
            ["2026-01-10T22:00Z", "2026-02-14T22:00Z", "2026-03-14T22:00Z"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            "UTC",
            "2026-01-31T00:00:00+00:00",
            ["2026-01-31T00:00Z", "2026-02-28T00:00Z", "2026-03-31T00:00Z"],
        ),
        (
            "FREQ=DAILY;COUNT=2",
            "UTC",
            "2026-01-01T00:00:00+00:00",
            ["2026-01-01T00:00Z", "2026-01-02T00:00Z"],
        ),
        (
            "FREQ=DAILY;UNTIL=20260102T120000Z",
            "America/New_York",
            "2026-01-01T12:00:00+00:00",
            ["2026-01-01T12:00Z", "2026-01-02T12:00Z"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU;UNTIL=20260120",
            "UTC",
            "2026-01-06T05:00:00+00:00",
            ["2026-01-06T05:00Z", "2026-01-18T05:00Z", "2026-01-20T05:00Z"],
        ),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "UTC", "2026-01-01T00:00:00+00:00", []),
    ],
)
def test_occurrences_are_computed_in_wall_time(
    rule: str, zone: str, start: str, expected: list[str]
) -> None:
    assert shown(rule, zone, start, max(len(expected), 1) if "UNTIL" not in rule else 9) == expected


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("", "is not understood"),
        ("WEEKLY", "is not understood"),
        ("FREQ=DAILY;FREQ=DAILY", "once each"),
        ("INTERVAL=1", "FREQ is 'missing'"),
        ("FREQ=HOURLY", "use DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=SECONDLY", "use DAILY"),
        ("FREQ=DAILY;BYSECOND=1", "there are FREQ"),
        ("FREQ=DAILY;BYDAY=XX", "there are FREQ"),
        ("FREQ=DAILY;BYHOUR=24", "from 0 to 23"),
        ("FREQ=DAILY;BYMONTHDAY=0", "no position"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to 1000"),
        ("FREQ=DAILY;COUNT=x", "from 1 to"),
        ("FREQ=DAILY;UNTIL=tomorrow", "no instant"),
        ("FREQ=DAILY;UNTIL=20261301", "no instant"),
        ("FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", "a day"),
        ("FREQ=DAILY;" + "X" * 600, "are allowed"),
    ],
)
def test_what_cannot_be_followed_is_refused(rule: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_rule(rule)


def test_a_zone_that_is_not_known_is_refused() -> None:
    assert zone_of("Europe/Berlin").key == "Europe/Berlin"
    for name in ("Mars/Olympus", "../../etc/passwd", "", "Europe"):
        with pytest.raises(ValueError, match="is not known"):
            zone_of(name)


def test_a_rule_that_never_occurs_ends_soon() -> None:
    before = time.process_time()
    assert shown("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "UTC", "2026-01-01T00:00:00+00:00", 1) == []
    assert time.process_time() - before < 5


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.integers(1_270_000_000, 1_330_000_000),
    st.lists(st.integers(0, 23), min_size=1, max_size=4, unique=True),
)
def test_instants_rise_and_none_comes_twice(zone: str, start_s: int, hours: list[int]) -> None:
    rule = parse_rule(f"FREQ=DAILY;BYHOUR={','.join(map(str, hours))};BYMINUTE=30")
    starts = list(islice(starts_of(rule, ZoneInfo(zone), start_s * 1000), 400))
    assert starts == sorted(set(starts))
    assert starts[0] >= start_s * 1000 - 59_999
