"""The file that is translated: what stands in it, and the notes on what does not come along.

Every scalar is taken as the text that it is, as Alertmanager reads labels. Unlike topology.yaml
the file is taken to be right, so what cannot be used is passed over with a note.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.domain.units import Duration
from pipeline.topology.complaint import Complaint, Path, render_path
from pipeline.topology.tree import Node

_TRUE: Final = frozenset({"yes", "on", "true", "y"})
_YEARS: Final = re.compile(r"^(\d+)y")


class Source:
    """Collects notes: each says where, what is not carried over, and what to do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[Complaint] = []

    def note(self, node: Node, path: Path, reason: str, hint: str, at_key: str = "") -> None:
        """Say that something at `node` (or at one of its keys) does not come along as it is."""
        line, column = node.keys.get(at_key, (node.line, node.column))
        self.notes.append(
            Complaint(
                file=self.name,
                line=line,
                column=column,
                path=render_path(path),
                reason=reason,
                hint=hint,
                is_warning=True,
            )
        )

    def note_rest(self, node: Node, path: Path, known: frozenset[str], hint: str) -> None:
        """One note on all keys of a mapping that nobody looks at."""
        rest = [key for key in node.keys if key not in known]
        if rest:
            names = ", ".join(sorted(rest))
            self.note(node, path, f"not carried over: {names}", hint, at_key=rest[0])

    def duration(self, node: Node | None, path: Path) -> str:
        """A duration as topology.yaml writes it; "" where there is none that can be read."""
        if node is None or node.value is None:
            return ""
        text = _YEARS.sub(lambda found: f"{int(found[1]) * 365}d", str(node.plain()))
        try:
            return str(Duration.parse(text))
        except ValueError as error:
            self.note(node, path, str(error), "write it into topology.yaml by hand")
            return ""


def member(node: Node | None, key: str) -> Node | None:
    """What stands under `key`, or None; nothing stands under a key of no mapping."""
    if node is None or not isinstance(node.value, dict):
        return None
    found = node.value.get(key)
    return None if found is None or found.value is None else found


def members(node: Node | None, key: str) -> list[Node]:
    """The members of the list under `key`; one alone counts as a list of it."""
    found = member(node, key)
    if found is None:
        return []
    return found.value if isinstance(found.value, list) else [found]


def text_of(node: Node | None) -> str:
    """A scalar as text, "" for anything else."""
    if node is None or node.value is None or isinstance(node.value, dict | list):
        return ""
    return str(node.value)


def is_true(node: Node | None, *, default: bool) -> bool:
    """A boolean of YAML 1.1."""
    return default if node is None else text_of(node).lower() in _TRUE
