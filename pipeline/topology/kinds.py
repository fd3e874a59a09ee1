"""What YAML is to a type, and what is said of both: kinds, words, and a value as it is shown."""

from __future__ import annotations

from typing import Any, Final

from msgspec import inspect as types

from pipeline.domain.units import Duration, Rate, Size
from pipeline.topology.tree import Node

SHOWN_CHARACTERS_MAX: Final = 60
"""So much of a wrong value is shown in a complaint."""

MAPPING: Final = "a mapping (name: value)"
UNITS: Final = {
    Duration: "a duration, such as 10m or 1h30m",
    Size: "a size, such as 20kB or 32MiB",
    Rate: "a rate, such as 120/m",
}
_YAML_KINDS: Final[dict[type, Any]] = {
    types.NoneType: type(None),
    types.StrType: str,
    types.BoolType: bool,
    types.IntType: int,
    types.FloatType: (int, float),
    types.CustomType: str,
    types.DictType: dict,
    types.StructType: dict,
    types.ListType: list,
    types.VarTupleType: list,
}


def is_scalar(node: Node) -> bool:
    """Whether a node is neither a list nor a mapping."""
    return not isinstance(node.value, dict | list)


def shown(node: Node) -> str:
    """A value as a complaint shows it: cut, and never more than its kind if it is nested."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    text = repr(node.value) if isinstance(node.value, str) else str(node.value).lower()
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 1] + "…"


def takes(kind: types.Type, node: Node) -> bool:
    """Whether a member of a union is meant by a node, judged by the kind of YAML."""
    while isinstance(kind, types.Metadata):
        kind = kind.type
    value = node.value
    if isinstance(kind, types.LiteralType):
        return is_scalar(node) and value in kind.values
    wanted: Any = _YAML_KINDS.get(type(kind), ())
    if isinstance(value, bool) and type(kind) in (types.IntType, types.FloatType):
        return False
    return isinstance(value, wanted)


def word_of(kind: types.Type) -> str:
    """What a member of a union is called."""
    if isinstance(kind, types.LiteralType):
        return "/".join(str(value) for value in kind.values)
    if isinstance(kind, types.CustomType):
        return UNITS.get(kind.cls, "a reference to a secret")
    words = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false"}
    return words.get(_YAML_KINDS.get(type(kind), ()), "a number")
