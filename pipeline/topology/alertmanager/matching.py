"""Alertmanager's matchers, new and old, as the texts that topology.yaml takes."""

from __future__ import annotations

from pipeline.domain.matchers import EQUAL, MATCHERS_MAX, MATCHES, Matcher, parse_list
from pipeline.topology.alertmanager.source import Source, member, members, text_of
from pipeline.topology.complaint import Path
from pipeline.topology.tree import Node


def matchers_of(
    source: Source, node: Node, path: Path, prefix: str = ""
) -> tuple[Matcher, ...] | None:
    """What `matchers`, `match` and `match_re` of a mapping say together, or None.

    `prefix` is `source_` or `target_` in an inhibition. None stands for what Tocsin refuses,
    such as a pattern that could take for ever; then there is a note.
    """
    found: list[Matcher] = []
    try:
        for each in members(node, f"{prefix}matchers"):
            text = text_of(each)
            if not text.strip():
                raise ValueError("a matcher is no text, or an empty one")
            found += parse_list(text)
        for key, operator in ((f"{prefix}match", EQUAL), (f"{prefix}match_re", MATCHES)):
            pairs = member(node, key)
            if pairs is not None and isinstance(pairs.value, dict):
                for label, value in pairs.value.items():
                    found.append(Matcher(label, operator, _unanchored(text_of(value), operator)))
        if len(found) > MATCHERS_MAX:
            raise ValueError(f"{len(found)} matchers, {MATCHERS_MAX} are allowed")
    except ValueError as error:
        source.note(node, path, f"left out: {error}", "write it into topology.yaml by hand")
        return None
    return tuple(found)


def texts_of(matchers: tuple[Matcher, ...]) -> list[str]:
    """Matchers as they are written."""
    return [str(each) for each in matchers]


def _unanchored(value: str, operator: str) -> str:
    # A pattern matches the whole value anyway, and plain alternatives cost nothing.
    if operator == MATCHES and value.startswith("^(") and value.endswith(")$"):
        inner = value.removeprefix("^(").removesuffix(")$")
        return inner if "(" not in inner and ")" not in inner else value
    return value
