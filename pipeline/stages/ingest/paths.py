"""Paths into JSON: `$.incident.summary`, `labels['a.b']`, `items[0].name`, `$$.title`.

`$.` (or nothing) starts at the alert, `$$.` at the whole body. What is not there is None.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Struct

PATH_SIZE_MAX: Final = 500
"""Characters of one path."""

_STEP: Final = re.compile(r"\.?([^.\[\]$'\"]+)|\[(\d{1,6})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


class Path(Struct, frozen=True):
    """A compiled path: its steps (keys, or indexes of arrays) and where they start."""

    text: str
    steps: tuple[str | int, ...]
    is_from_body: bool = False

    def find(self, member: Any, body: Any) -> Any:
        """What stands at the path, or None."""
        value = body if self.is_from_body else member
        for step in self.steps:
            if isinstance(step, int):
                if not isinstance(value, list) or step >= len(value):
                    return None
                value = value[step]
            elif isinstance(value, dict):
                value = value.get(step)
            else:
                return None
        return value


def compile_path(text: str) -> Path:
    """Read a path. Raises ValueError with the position where it cannot be read."""
    if len(text) > PATH_SIZE_MAX:
        raise ValueError(f"the path has {len(text)} characters, {PATH_SIZE_MAX} are allowed")
    start = 2 if text.startswith("$$") else 1 if text.startswith("$") else 0
    at, steps = start, list[str | int]()
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(
                f"{text!r} is no path at character {at + 1}: write it as $.incident.summary, "
                "items[0] or labels['a.b']"
            )
        key, index, single, double = found.groups()
        steps.append(int(index) if index is not None else key or single or double or "")
        at = found.end()
    return Path(text[start:].removeprefix("."), tuple(steps), is_from_body=start == 2)  # noqa: PLR2004
