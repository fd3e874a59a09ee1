"""Recurrence rules (RFC 5545) as instants, right across the changes of a time zone's clock.

Occurrences are computed in wall time, so that 09:00 stays 09:00, and only then become instants: a
wall time that a clock skips is moved on by what it skipped, one that comes twice is meant the first
time. A rule is followed for YEARS_MAX years from its start; FREQ finer than DAILY is refused, so
that no rule costs more than a few thousand steps, one without any occurrence included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil import rrule
from msgspec import Struct, field

RULE_SIZE_MAX: Final = 500
"""Characters of a rule; longer ones are refused."""

PER_DAY_MAX: Final = 24
"""Occurrences within one day; a rule with more is refused."""

YEARS_MAX: Final = 10
"""A rule has no occurrences later than so many years after its start."""

_FREQUENCIES: Final = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
_LISTS: Final = {
    "BYSETPOS": (-366, 366),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
}
_DAYS: Final = {day: getattr(rrule, day) for day in ("MO", "TU", "WE", "TH", "FR", "SA", "SU")}
_DAY: Final = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL: Final = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)
_SHIFT_MS: Final = 25 * 3_600_000
"""More than any clock was ever moved at once (Samoa left out a whole day)."""


class Rule(Struct, frozen=True, kw_only=True):
    """A rule that was read: what dateutil takes, and the two ends that are applied here."""

    parts: dict[str, Any] = field(default_factory=dict)
    count: int | None = None
    until: str = ""


def parse_rule(text: str) -> Rule:
    """Read a rule such as `FREQ=WEEKLY;BYDAY=SA;BYHOUR=2`. Raises ValueError saying what to
    write instead.
    """
    if len(text) > RULE_SIZE_MAX:
        raise ValueError(f"the rule has {len(text)} characters, {RULE_SIZE_MAX} are allowed")
    given: dict[str, str] = {}
    for part in text.removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in given:
            raise ValueError(
                f"{text!r}: {part!r} is not understood; write NAME=value once each, with "
                "semicolons between, such as FREQ=WEEKLY;BYDAY=SA"
            )
        given[name] = value
    frequency = given.pop("FREQ", "")
    if frequency not in _FREQUENCIES:
        raise ValueError(
            f"{text!r}: FREQ is {frequency or 'missing'!r}; use {', '.join(_FREQUENCIES)}"
        )
    parts: dict[str, Any] = {"freq": _FREQUENCIES[frequency]}
    count, until = given.pop("COUNT", None), given.pop("UNTIL", "")
    if until and not _is_instant(until):
        raise ValueError(f"{text!r}: UNTIL={until} is no instant such as 20270131T090000Z")
    for name, value in given.items():
        parts[name.lower().replace("byday", "byweekday")] = _part(text, name, value)
    if len(parts.get("byhour", [0])) * len(parts.get("byminute", [0])) > PER_DAY_MAX:
        raise ValueError(f"{text!r}: more than {PER_DAY_MAX} occurrences a day")
    return Rule(
        parts=parts,
        count=None if count is None else _number(text, "COUNT", count, 1, 100_000),
        until=until,
    )


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueError for one that is not known."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"time zone {name!r} is not known; write one as Europe/Berlin") from error


def starts_of(rule: Rule, zone: ZoneInfo, starts_at_ms: int) -> Iterator[int]:
    """The occurrences from `starts_at_ms` on, as instants in rising order, each once."""
    start = datetime.fromtimestamp(starts_at_ms // 1000, zone).replace(tzinfo=None)
    horizon = start + timedelta(days=366 * YEARS_MAX)
    until = _wall_time(rule.until, zone) if rule.until else horizon
    walls = rrule.rrule(dtstart=start, until=min(until, horizon), **rule.parts)
    yield from _in_order(_instant_ms(wall, zone) for wall in islice(walls, rule.count))


def _part(text: str, name: str, value: str) -> Any:
    if name == "INTERVAL":
        return _number(text, name, value, 1, 1_000)
    if name == "WKST" and value in _DAYS:
        return _DAYS[value]
    if name == "BYDAY":
        found = [_DAY.fullmatch(each) for each in value.split(",")]
        if None not in found:
            return [_DAYS[day[2]](int(day[1])) if day[1] else _DAYS[day[2]] for day in found if day]
    elif name in _LISTS:
        low, high = _LISTS[name]
        return [_number(text, name, each, low, high) for each in value.split(",")]
    known = ", ".join(("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_LISTS))
    raise ValueError(f"{text!r}: {name}={value} is not understood; there are {known}")


def _number(text: str, name: str, value: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,6}", value, re.ASCII) or not low <= int(value) <= high:
        raise ValueError(f"{text!r}: {name}={value} is no number from {low} to {high}")
    if int(value) == 0 and low < 0:
        raise ValueError(f"{text!r}: {name}=0 is no position; count from 1 or from -1")
    return int(value)


def _is_instant(until: str) -> bool:
    try:
        return bool(_UNTIL.fullmatch(until) and _wall_time(until, ZoneInfo("UTC")))
    except ValueError:
        return False


def _wall_time(until: str, zone: ZoneInfo) -> datetime:
    if "T" not in until:
        return datetime.strptime(until + "T235959", "%Y%m%dT%H%M%S")  # noqa: DTZ007 - wall time
    wall = datetime.strptime(until.rstrip("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - wall time
    if until.endswith("Z"):
        return wall.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    return wall


def _instant_ms(wall: datetime, zone: ZoneInfo) -> int:
    # By way of UTC, since a wall time that does not exist has no instant of its own.
    return int(wall.replace(tzinfo=zone).astimezone(UTC).timestamp()) * 1000


def _in_order(starts: Iterator[int]) -> Iterator[int]:
    """Instants in rising order: where a clock skips, the skipped ones come after later ones."""
    waiting: list[int] = []
    last = -1
    for start in starts:
        heappush(waiting, start)
        while waiting and waiting[0] + _SHIFT_MS <= start:
            at = heappop(waiting)
            if at != last:
                yield at
            last = at
    for at in sorted(set(waiting)):
        if at != last:
            yield at
