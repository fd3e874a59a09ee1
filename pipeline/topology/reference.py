"""What may stand in topology.yaml, read off the Structs: type, default and docstring of a field.

The docstrings under fields are not kept at run time, so they are read from the source.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from msgspec import NODEFAULT
from msgspec import inspect as types

from pipeline import registry
from pipeline.domain.secret import Secret
from pipeline.domain.units import Duration, Rate, Size
from pipeline.stages.send.config import Receiver
from pipeline.topology.declared import AgentSpec, Defaults, Observe, TenantSpec, TopicSpec
from pipeline.topology.table import Table

HEADS: Final = ("field", "type", "default", "meaning")
_WORDS: Final = {
    Duration: "duration",
    Size: "size",
    Rate: "rate",
    Secret: "secret (reference)",
}
_OWN: Final[tuple[tuple[str, type[Any]], ...]] = (
    ("defaults", Defaults),
    ("topics.NAME", TopicSpec),
    ("agents.NAME", AgentSpec),
    ("tenants.NAME", TenantSpec),
    ("observe", Observe),
)


def reference() -> tuple[Table, ...]:
    """One table per Struct: topology's own, then the sections, then the receivers by sink."""
    found: list[Table] = []
    for path, kind in _OWN:
        found += describe(path, kind)
    for name in registry.SECTIONS:
        kind = registry.section_type(name)
        found += describe(f"{name}[]" if name == "inhibit" else name, kind)
    found += describe("receivers.NAME", Receiver)
    for name in registry.SINKS:
        found += describe(f"receivers.NAME, sink: {name}", registry.sink(name).config_type)
    return tuple(found)


def describe(path: str, kind: Any) -> Iterator[Table]:
    """The table of a Struct found at `path`, then those of the Structs beneath it, each once."""
    seen: set[type[Any]] = set()
    waiting = list(_structs(path, types.type_info(kind)))
    while waiting:
        place, struct = waiting.pop(0)
        if struct.cls in seen:
            continue
        seen.add(struct.cls)
        documented = _documented(struct.cls)
        rows = tuple(_row(field, documented) for field in struct.fields)
        lead = " ".join((inspect.getdoc(struct.cls) or "").split())
        yield Table(title=f"`{place}`", heads=HEADS, rows=rows, lead=lead)
        for field in struct.fields:
            waiting += _structs(f"{place}.{field.encode_name}", field.type)


def _structs(path: str, kind: types.Type) -> Iterator[tuple[str, types.StructType]]:
    """The Structs that a type is made of, with the path at which one stands."""
    if isinstance(kind, types.Metadata):
        yield from _structs(path, kind.type)
    elif isinstance(kind, types.StructType):
        yield path, kind
    elif isinstance(kind, types.UnionType):
        for each in kind.types:
            yield from _structs(path, each)
    elif isinstance(kind, types.ListType | types.VarTupleType):
        yield from _structs(path if path.endswith("[]") else f"{path}[]", kind.item_type)
    elif isinstance(kind, types.DictType):
        yield from _structs(f"{path}.NAME", kind.value_type)


def _row(field: types.Field, documented: dict[str, str]) -> tuple[str, ...]:
    return (
        f"`{field.encode_name}`",
        _word(field.type),
        "required" if field.required else _default(field),
        documented.get(field.name, ""),
    )


def _word(kind: types.Type) -> str:
    if isinstance(kind, types.Metadata):
        return _word(kind.type)
    if isinstance(kind, types.CustomType):
        return _WORDS.get(kind.cls, kind.cls.__name__)
    if isinstance(kind, types.LiteralType):
        return " or ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, types.StructType):
        return "mapping"
    if isinstance(kind, types.DictType):
        return f"mapping of {_word(kind.value_type)}"
    if isinstance(kind, types.ListType | types.VarTupleType):
        return f"list of {_word(kind.item_type)}"
    if isinstance(kind, types.UnionType):
        members = [each for each in kind.types if not isinstance(each, types.NoneType)]
        return " or ".join(_word(each) for each in members)
    words = {types.StrType: "text", types.BoolType: "true or false", types.IntType: "whole number"}
    return words.get(type(kind), "number" if isinstance(kind, types.FloatType) else "anything")


def _default(field: types.Field) -> str:
    value = field.default
    if value is NODEFAULT:
        factory: Any = field.default_factory
        value = factory()
    return show(value)


def show(value: Any) -> str:
    """A default as it would be written in the file; of nested Structs see their own table."""
    if isinstance(value, Secret):
        return "set"
    if isinstance(value, Duration):
        return f"`{value}`"
    if isinstance(value, Size):
        return f"`{_size(value)}`"
    if isinstance(value, Rate):
        return f"`{_rate(value)}`"
    if value is None or value in ((), {}, [], "") or hasattr(value, "__struct_fields__"):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _size(value: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("MB", 10**6), ("kB", 1000)):
        if value and value % size == 0:
            return f"{value // size}{unit}"
    return f"{value}B"


def _rate(per_hour: int) -> str:
    return f"{per_hour // 60}/m" if per_hour % 60 == 0 else f"{per_hour}/h"


def _documented(cls: type[Any]) -> dict[str, str]:
    """Field → the docstring beneath it, of a Struct and of those that it is made from."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        try:
            source = textwrap.dedent(inspect.getsource(each))
        except (OSError, TypeError):
            continue  # a Struct made at run time, or a builtin: it has no source of its own
        body = getattr(ast.parse(source).body[0], "body", [])
        for statement, after in pairwise(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = _docstring(after)
                if text:
                    found[statement.target.id] = " ".join(text.split())
    return found


def _docstring(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value if isinstance(statement.value.value, str) else ""
    return ""
