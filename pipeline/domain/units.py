"""Durations, sizes and rates as people write them in topology.yaml: `10m`, `32MiB`, `120/m`.

Each is an int in its base unit (milliseconds, bytes), so that code counts and files read well.
"""

from __future__ import annotations

import re
from typing import Any, Final

_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_BYTES: Final = {
    "B": 1,
    "kB": 1_000,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_PARTS: Final = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_SIZE: Final = re.compile(r"(\d+)\s*(B|kB|MB|GB|KiB|MiB|GiB)")
_RATE: Final = re.compile(r"(\d+)\s*/\s*(s|m|h)")


class Duration(int):
    """Milliseconds, written as `1h30m`, `500ms` or `off` (0)."""

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read a duration. Raises ValueError with the accepted form."""
        if text in ("off", "0"):
            return cls(0)
        parts = _PARTS.findall(text)
        if not parts or "".join(n + u for n, u in parts) != text:
            raise ValueError(
                f"{text!r} is no duration: write a number with ms, s, m, h, d or w, such as 1h30m"
            )
        return cls(sum(int(n) * _MS[u] for n, u in parts))

    def __str__(self) -> str:
        rest, parts = int(self), []
        for unit in ("d", "h", "m", "s", "ms"):
            count, rest = divmod(rest, _MS[unit])
            if count:
                parts.append(f"{count}{unit}")
        return "".join(parts) or "off"


class Size(int):
    """Bytes, written as `20kB` or `32MiB`."""

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read a size. Raises ValueError with the accepted form."""
        found = _SIZE.fullmatch(text)
        if not found:
            raise ValueError(
                f"{text!r} is no size: write a number with B, kB, MB, KiB or MiB, such as 32MiB"
            )
        return cls(int(found[1]) * _BYTES[found[2]])


class Rate(int):
    """Calls per hour, written as `120/m`, `2/s` or `500/h`."""

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read a rate. Raises ValueError with the accepted form."""
        found = _RATE.fullmatch(text)
        if not found or int(found[1]) == 0:
            raise ValueError(
                f"{text!r} is no rate: write a number with /s, /m or /h, such as 120/m"
            )
        return cls(int(found[1]) * 3_600_000 // _MS[found[2]])

    @property
    def per_ms(self) -> float:
        """Calls per millisecond."""
        return int(self) / 3_600_000


_EXAMPLES: Final[dict[type, str]] = {Duration: "10m", Size: "32MiB", Rate: "120/m"}


def decode_unit(kind: type, value: Any) -> Any:
    """msgspec's `dec_hook` for the units of this file. Raises ValueError on a wrong text."""
    if kind in (Duration, Size, Rate):
        if kind is Duration and value is False:
            return Duration(0)  # YAML reads a bare `off` as false
        if isinstance(value, kind):
            return value
        if not isinstance(value, str):
            raise ValueError(f"{value!r} needs a unit, such as {_EXAMPLES[kind]}")
        return kind.parse(value)
    raise ValueError(f"no decoder for {kind.__name__}")
