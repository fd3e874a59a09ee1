"""Times as people type them, and as people read them. A time without a zone is local."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from pipeline.domain.errors import UsageError
from pipeline.domain.units import Duration

_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_UNIX_MS_DIGITS: Final = 12
LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""

FORMS: Final = "write 2h, 10:00, 2026-11-21T10:00 or 2026-11-21T10:00:00Z"


def now_ms() -> int:
    """Unix milliseconds of this moment."""
    from pipeline.hosts.clock import Clock

    return Clock().now_ms()


def past_ms(text: str, now: int) -> int:
    """The instant that a text means; a duration is so long ago. Raises UsageError."""
    return _instant_ms(text, now, -1)


def coming_ms(text: str, now: int) -> int:
    """The instant that a text means; a duration is from now on. Raises UsageError."""
    return _instant_ms(text, now, 1)


def _instant_ms(text: str, now: int, sign: int) -> int:
    at_ms = _read_ms(text.strip(), now, sign)
    if at_ms is None or not 0 <= at_ms <= LATEST_MS:
        raise UsageError(f"{text!r} is no time: {FORMS}")
    return at_ms


def _read_ms(given: str, now: int, sign: int) -> int | None:
    if given == "now":
        return now
    if given.isascii() and given.isdigit() and len(given) >= _UNIX_MS_DIGITS:
        return int(given)
    try:
        return now + sign * Duration.parse(given.removeprefix("-"))
    except ValueError:
        pass
    try:
        if _CLOCK.fullmatch(given):
            today = datetime.fromtimestamp(now / 1000).astimezone().date()
            given = f"{today.isoformat()}T{given.zfill(5)}"
        return round(datetime.fromisoformat(given).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as 1h30m. Raises UsageError."""
    try:
        return int(Duration.parse(text))
    except ValueError as error:
        raise UsageError(str(error)) from None


def rfc3339(at_ms: int) -> str:
    """An instant for a program, in UTC."""
    from datetime import UTC

    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at_ms: int) -> str:
    """An instant for a person: date and time in the local zone."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(at_ms: int) -> str:
    """An instant of a day that is known: the time with milliseconds in the local zone."""
    at = datetime.fromtimestamp(at_ms / 1000).astimezone()
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"


def span(length_ms: float) -> str:
    """A length of time in its largest one or two units: 850 ms, 12 s, 3m 20s, 2h 5m, 4d 1h."""
    if length_ms < 1_000:  # noqa: PLR2004
        return f"{length_ms:.0f} ms"
    if length_ms < 10_000:  # noqa: PLR2004
        return f"{length_ms / 1000:.1f} s"
    whole = timedelta(seconds=int(length_ms / 1000))
    hours, rest = divmod(whole.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((whole.days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    shown = [f"{count}{unit}" for count, unit in parts if count][:2]
    return " ".join(shown)
