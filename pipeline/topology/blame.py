"""Where the error of a whole Struct points to: the one value in the file that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.topology.complaint import Path
from pipeline.topology.tree import Node


def blame(text: str, node: Node) -> Path:
    """Where an error of a whole Struct points to: the key it begins with, the text it quotes."""
    members = node.value if isinstance(node.value, dict) else {}
    word = text.partition(" ")[0].strip("`'\":")
    first: Path = (word,) if word in members else ()
    quoted: Path = ()
    length = 2
    for path, value in _texts_near(members):
        if path[: len(first)] == first and length < len(value) and value in text:
            quoted, length = path, len(value)
    return quoted or first


def _texts_near(members: dict[str, Node]) -> Iterator[tuple[Path, str]]:
    for key, node in members.items():
        if isinstance(node.value, str):
            yield (key,), node.value
        elif isinstance(node.value, list):
            for index, member in enumerate(node.value):
                if isinstance(member.value, str):
                    yield (key, index), member.value
