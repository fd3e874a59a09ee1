"""Alertmanager's time intervals as recurrence rules (RFC 5545), where there is one for them.

Source: prometheus.io/docs/alerting/latest/configuration, time_interval.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from pipeline.oncall.recurrence import parse_rule, zone_of
from pipeline.topology.alertmanager.source import Source, member, members, text_of
from pipeline.topology.tree import Node

_DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")
_MINUTE_MS: Final = 60_000
_DAY_MINUTES: Final = 24 * 60
_MONTH_DAYS: Final = 31


class Maintenance(Struct, frozen=True, kw_only=True):
    """What `tocsin silence add` is to be given: mutes `matchers` for `duration_ms` from each
    occurrence of `rrule` in `time_zone`.
    """

    comment: str
    matchers: tuple[str, ...]
    rrule: str
    duration_ms: int
    time_zone: str = "UTC"


class Recurrence(Struct, frozen=True, kw_only=True):
    """One rule of an interval."""

    rrule: str
    duration_ms: int
    time_zone: str


def intervals_of(source: Source, root: Node) -> dict[str, tuple[Recurrence, ...]]:
    """The named intervals of a file; one that has no rule is empty, with a note."""
    found: dict[str, tuple[Recurrence, ...]] = {}
    for key in ("time_intervals", "mute_time_intervals"):
        for index, named in enumerate(members(root, key)):
            name = text_of(member(named, "name"))
            recurrences: list[Recurrence] = []
            for below, each in enumerate(members(named, "time_intervals")):
                path = (key, index, "time_intervals", below)
                try:
                    recurrences += _recurrences(each)
                except ValueError as error:
                    hint = "add it as a silence with an RRULE by hand"
                    source.note(each, path, f"{name}: {error}", hint)
            found[name] = tuple(recurrences)
    return found


def _recurrences(node: Node) -> Iterator[Recurrence]:
    """The rules of one interval. Raises ValueError where there is none for it."""
    if members(node, "years"):
        raise ValueError("years cannot be said in a rule that recurs")
    zone = text_of(member(node, "location")) or "UTC"
    zone_of(zone)
    parts = ["FREQ=DAILY"]
    days = _numbers(members(node, "weekdays"), _DAYS, 0, wraps=True)
    if days:
        parts.append("BYDAY=" + ",".join(_DAYS[day][:2].upper() for day in days))
    dates = list(_dates(members(node, "days_of_month")))
    if dates:
        parts.append(f"BYMONTHDAY={_listed(dates)}")
    months = _numbers(members(node, "months"), _MONTHS, 1, wraps=False)
    if months:
        parts.append(f"BYMONTH={_listed(months)}")
    for start, end in _times(members(node, "times")):
        rule = ";".join((*parts, f"BYHOUR={start // 60}", f"BYMINUTE={start % 60}"))
        parse_rule(rule)
        yield Recurrence(rrule=rule, duration_ms=(end - start) * _MINUTE_MS, time_zone=zone)


def _times(nodes: list[Node]) -> list[tuple[int, int]]:
    """(first, last) minutes of the day; the whole day where none are stated."""
    found = [
        (_clock(member(each, "start_time")), _clock(member(each, "end_time"))) for each in nodes
    ]
    for start, end in found:
        if start >= end:
            raise ValueError("a time ends before it starts")
    return found or [(0, _DAY_MINUTES)]


def _clock(node: Node | None) -> int:
    read = _CLOCK.fullmatch(text_of(node))
    minutes = int(read[1]) * 60 + int(read[2]) if read else -1
    if not 0 <= minutes <= _DAY_MINUTES:
        raise ValueError(f"{text_of(node)!r} is no time of day")
    return minutes


def _numbers(nodes: list[Node], names: tuple[str, ...], low: int, *, wraps: bool) -> list[int]:
    """Names, numbers and ranges `from:to` of either, as numbers from `low` on."""
    found: set[int] = set()
    for node in nodes:
        first, colon, last = text_of(node).lower().partition(":")
        start = _number(first, names, low)
        end = _number(last, names, low) if colon else start
        if end < start and not wraps:
            raise ValueError(f"{text_of(node)!r} ends before it starts")
        end += len(names) if end < start else 0
        found |= {(each - low) % len(names) + low for each in range(start, end + 1)}
    return sorted(found)


def _number(text: str, names: tuple[str, ...], low: int) -> int:
    word = text.strip()
    if word in names:
        return names.index(word) + low
    if not word.isdecimal() or not low <= int(word) < low + len(names):
        raise ValueError(f"{word!r} is none of {', '.join(names)}")
    return int(word)


def _dates(nodes: list[Node]) -> Iterator[int]:
    for node in nodes:
        first, colon, last = text_of(node).partition(":")
        try:
            start, end = int(first), int(last if colon else first)
        except ValueError:
            raise ValueError(f"{text_of(node)!r} is no range of days") from None
        if start * end <= 0 or end < start or max(abs(start), abs(end)) > _MONTH_DAYS:
            raise ValueError(f"the days {text_of(node)!r} differ from month to month")
        yield from range(start, end + 1)


def _listed(numbers: list[int]) -> str:
    return ",".join(str(each) for each in dict.fromkeys(numbers))
