"""Complaint: one thing that is wrong with topology.yaml, as data, with its place and a hint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from pipeline.domain.errors import TocsinError

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists."""

COMPLAINTS_MAX: Final = 100
"""So many complaints are listed; the last one then says that there are more."""

_QUOTED: Final = frozenset(" .[]\"'\n")


class Complaint(Struct, frozen=True, kw_only=True):
    """What is wrong, where and what to do. `line` and `column` count from 1.

    A warning (`is_warning`) does not keep anything from starting.
    """

    file: str
    line: int
    column: int
    path: str
    reason: str
    hint: str = ""
    is_warning: bool = False

    def render(self) -> str:
        """One line for a person: `file:line:column: path: reason (hint)`."""
        kind = "warning: " if self.is_warning else ""
        at = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{at}{self.reason}{hint}"


class TopologyError(TocsinError):
    """A topology.yaml that cannot be used; `complaints` are all that is wrong with it."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("\n".join(each.render() for each in complaints))
        self.complaints = tuple(complaints)


def render_path(path: Path) -> str:
    """A path as people write it: `routes.routes[0].match`; odd keys are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not step or _QUOTED & set(step):
            text += f"[{step!r}]"
        else:
            text += f".{step}" if text else step
    return text


def in_order(complaints: Iterable[Complaint]) -> tuple[Complaint, ...]:
    """By their place in the file, each once, at most COMPLAINTS_MAX of them; errors stay."""
    found = sorted(
        set(complaints), key=lambda each: (each.line, each.column, each.path, each.reason)
    )
    if len(found) <= COMPLAINTS_MAX:
        return tuple(found)
    found.sort(key=lambda each: each.is_warning)
    kept = found[: COMPLAINTS_MAX - 1]
    rest = Complaint(
        file=kept[0].file,
        line=kept[-1].line,
        column=kept[-1].column,
        path="",
        reason=f"{len(found) - len(kept)} more complaints are not listed",
        hint="correct these first",
        is_warning=kept[0].is_warning,
    )
    return (*kept, rest)
