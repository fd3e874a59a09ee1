"""Picks: where one field of a generic source comes from, compiled."""

from __future__ import annotations

from typing import Any, Final

import cel
from msgspec import Struct, field

from pipeline.stages.ingest.paths import compile_path
from pipeline.stages.ingest.values import text_of
from pipeline.stages.ingest.words import meaning

EXPRESSION_SIZE_MAX: Final = 2_000
"""Characters of one CEL expression."""


class Pick(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one field of a generic source comes from: exactly one of `path`, `cel`, `const`.

    `map` translates what was found, `default` stands in where nothing was.
    """

    path: str = ""
    """Keys and indexes from the member: `$.incident.summary`, `labels['a.b'][0]`."""
    cel: str = ""
    """An expression over `event` (the member) and `payload` (the whole body)."""
    const: str = ""
    """Always this text."""
    map: dict[str, str] = field(default_factory=dict)
    """What the sender says → what it means here."""
    default: str = ""
    """Taken where nothing was found."""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.path, self.cel, self.const))) > 1:
            raise ValueError("give one of path, cel and const")


class Picker:
    """Finds one value. `where` names the place in the input for complaints."""

    __slots__ = ("_const", "_default", "_map", "_path", "_program", "where")

    def __init__(self, pick: Pick) -> None:
        self._path = compile_path(pick.path) if pick.path else None
        self._program = compile_expression(pick.cel) if pick.cel else None
        self._const = pick.const
        self._map = pick.map
        self._default = pick.default
        self.where = self._path.text if self._path else ""

    def pick(self, member: Any, payload: Any) -> Any:
        """What is found, translated, or else the default; None where there is neither."""
        value = self._find(member, payload)
        if self._map and value is not None:
            value = meaning(self._map, text_of(value)) or value
        if value is None or value == "":
            value = self._default or None
        return value

    def _find(self, member: Any, payload: Any) -> Any:
        if self._path:
            return self._path.find(member, payload)
        if self._program:
            try:
                return self._program.execute({"event": member})
            except Exception:  # noqa: BLE001  (whatever the evaluator raises: it found nothing)
                return None
        return self._const


def compile_pick(pick: str | Pick) -> Picker:
    """Compile a pick, or a path alone. Raises ValueError saying what is wrong with it."""
    return Picker(Pick(path=pick) if isinstance(pick, str) else pick)


def compile_expression(text: str) -> cel.Program:
    """Compile a CEL expression over `event`. Raises ValueError saying what is wrong with it."""
    if len(text) > EXPRESSION_SIZE_MAX:
        raise ValueError(
            f"the expression has {len(text)} characters, {EXPRESSION_SIZE_MAX} are allowed"
        )
    try:
        return cel.compile(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no CEL expression: {error}") from None
