"""YAML text to a tree of plain values, each with its place in the file.

The tree is built from the parser's events, so that depth, size and what anchors expand to are
bounded before anything is kept. Scalars follow the core schema of YAML 1.2: only `true` and
`false` are booleans, so `off`, `no` and `12:30` stay the texts that people meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from msgspec import Struct, field

from pipeline.topology.complaint import Complaint, Path, render_path

SIZE_CHARACTERS_MAX: Final = 1_048_576
DEPTH_MAX: Final = 40
NODES_MAX: Final = 50_000
"""Limits of a file; aliases count as often as they are used. A file over one is refused."""

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAG: Final = "tag:yaml.org,2002:"
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Scalar = str | int | float | bool | None


class Node(Struct, frozen=True, eq=False):
    """One value: a scalar, a list of Nodes, or a mapping of Nodes by key.

    `line` and `column` count from 1; `size` counts the nodes beneath, itself included; `keys`
    holds the place of each key of a mapping.
    """

    value: Scalar | list[Node] | dict[str, Node]
    line: int = 1
    column: int = 1
    size: int = 1
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value as Python's own builtins, without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Path) -> Node:
        """The node at `path`, or the nearest one above that exists."""
        node = self
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                node = node.value[str(step)]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                break
        return node


def member_of(node: Node | None, key: str) -> Node | None:
    """What stands under a key; nothing where `node` is no mapping or has no such key."""
    return node.value.get(key) if node is not None and isinstance(node.value, dict) else None


def texts_of(node: Node | None) -> tuple[str, ...]:
    """The members of a list, by their positions; what is no text is an empty one."""
    if node is None or not isinstance(node.value, list):
        return ()
    return tuple(each.value if isinstance(each.value, str) else "" for each in node.value)


class _Stop(Exception):  # ends the reading of a file that cannot be read on
    def __init__(self, reason: str, hint: str, line: int, column: int) -> None:
        super().__init__(reason)
        self.reason, self.hint, self.line, self.column = reason, hint, line, column


def parse(text: str, name: str, *, is_typed: bool = True) -> tuple[Node, list[Complaint]]:
    """Read one YAML document. `name` is the file's, for complaints. Where it is not `is_typed`,
    every scalar but null stays the text that it is.

    Never raises: what cannot be read is an empty mapping and a complaint.
    """
    reader = _Reader(name, is_typed=is_typed)
    try:
        return reader.document(text), reader.complaints
    except _Stop as stop:
        reader.complain((), stop.line, stop.column, stop.reason, stop.hint)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reason = f"not YAML: {error.problem or error.context or 'it cannot be read'}"
        reader.complain((), line, column, reason, "check indentation, quotes and brackets")
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        reason = "not YAML: it holds characters that YAML does not allow"
        reader.complain((), 1, 1, reason, "save the file as UTF-8 text")
    return Node({}), reader.complaints


class _Reader:
    """Reads the events of one document; `complaints` collects what can be read past."""

    def __init__(self, name: str, *, is_typed: bool) -> None:
        self.name = name
        self.complaints: list[Complaint] = []
        self._is_typed = is_typed
        self._anchors: dict[str, Node | None] = {}
        self._count = 0

    def complain(self, path: Path, line: int, column: int, reason: str, hint: str) -> None:
        self.complaints.append(
            Complaint(
                file=self.name,
                line=line,
                column=column,
                path=render_path(path),
                reason=reason,
                hint=hint,
            )
        )

    def document(self, text: str) -> Node:
        if len(text) > SIZE_CHARACTERS_MAX:
            raise _Stop(f"the file has more than {SIZE_CHARACTERS_MAX} characters", "", 1, 1)
        events = iter(yaml.parse(text, Loader=_LOADER))
        next(events)
        if isinstance(next(events), yaml.StreamEndEvent):
            return Node({})
        root = self._node(next(events), events, ())
        next(events)
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            line, column = _place(after)
            raise _Stop("the file holds more than one document", "keep the first", line, column)
        return root

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Node:
        line, column = _place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, line, column)
        if len(path) >= DEPTH_MAX:
            raise _Stop(f"nested deeper than {DEPTH_MAX} levels", "", line, column)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, path, line, column), line, column)
            self._grow(1, line, column)
        else:
            self._known_tag(event.tag, ("map", "seq"), path, line, column)
            self._grow(1, line, column)
            is_list = isinstance(event, yaml.SequenceStartEvent)
            node = (self._list if is_list else self._mapping)(events, path, line, column)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, line: int, column: int) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            hint = "define it with & before it is used, and not inside itself"
            raise _Stop(f"there is no anchor {event.anchor!r} here", hint, line, column)
        self._grow(node.size, line, column)
        return node

    def _grow(self, size: int, line: int, column: int) -> None:
        self._count += size
        if self._count > NODES_MAX:
            hint = "use fewer aliases"
            raise _Stop(f"the file holds more than {NODES_MAX} values", hint, line, column)

    def _list(self, events: Iterator[Any], path: Path, line: int, column: int) -> Node:
        members: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            members.append(self._node(event, events, (*path, len(members))))
        return Node(members, line, column, 1 + sum(each.size for each in members))

    def _mapping(self, events: Iterator[Any], path: Path, line: int, column: int) -> Node:
        members: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        size = 1
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            place = _place(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _Stop("a key must be a text", "", *place)
            key = str(event.value)
            value = self._node(next(events), events, (*path, key))
            size += value.size
            if key in members:
                first = keys[key][0]
                self.complain(
                    (*path, key),
                    *place,
                    f"the key {key!r} stands here twice",
                    f"it stands on line {first} already: keep one",
                )
                continue
            members[key], keys[key] = value, place
        return Node(members, line, column, size, keys)

    def _scalar(self, event: Any, path: Path, line: int, column: int) -> Scalar:
        text = str(event.value)
        if event.tag and event.tag != "!":
            self._known_tag(event.tag, ("str", "int", "float", "bool", "null"), path, line, column)
            if event.tag == f"{_TAG}str":
                return text
        elif not event.implicit[0]:
            return text
        if not self._is_typed:
            return text if _WORDS.get(text, text) is not None else None
        if text in _WORDS:
            return _WORDS[text]  # type: ignore[no-any-return]
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _DECIMAL.fullmatch(text) else text

    def _known_tag(
        self, tag: str | None, known: tuple[str, ...], path: Path, line: int, column: int
    ) -> None:
        if tag and tag != "!" and tag.removeprefix(_TAG) not in known:
            self.complain(
                path, line, column, f"the tag {tag!r} is not known here", "leave the tag out"
            )


def reads_as_text(text: str) -> bool:
    """Whether a scalar without quotes would be a text here, and no number, boolean or null."""
    return text not in _WORDS and not _INTEGER.fullmatch(text) and not _DECIMAL.fullmatch(text)


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
