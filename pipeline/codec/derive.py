"""The Avro schema of a Struct: the Struct is the one declaration, the schema follows from it.

Only types without unions and enums are used: they cost time on the hot path, and an enum is hard
to extend. Every field has a default, so that a reader can resolve bytes in which it is missing
(Avro 1.12, Schema Resolution).
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, Final

from msgspec import NODEFAULT, Struct, inspect, to_builtins

Schema = dict[str, Any]
"""An Avro record schema as JSON has it, before any library has parsed it."""

NAMESPACE: Final = "tocsin"

INT32: Final = (-(2**31), 2**31 - 1)
"""The bounds of an integer that Avro carries as `int`."""

_EMPTY: Final[dict[str, Any]] = {
    "string": "",
    "bytes": "",
    "int": 0,
    "long": 0,
    "double": 0.0,
    "boolean": False,
}


def derive(kind: type[Struct]) -> Schema:
    """The schema of a Struct, with its nested Structs as nested records.

    A field's default is the Struct's, or the empty value where that has none. Raises TypeError,
    naming the field, for a type that has no place in a topic value.
    """
    return _record(kind, {})


def _record(kind: type[Struct], named: dict[str, Schema]) -> Schema:
    declared = inspect.type_info(kind)
    if not isinstance(declared, inspect.StructType) or declared.array_like or declared.tag:
        raise TypeError(f"{kind.__name__} is no plain Struct: no array_like, no tag")
    schema: Schema = {
        "type": "record",
        "name": kind.__name__,
        "namespace": NAMESPACE,
        "doc": cleandoc(kind.__doc__ or ""),
        "fields": [],
    }
    named[f"{NAMESPACE}.{kind.__name__}"] = schema
    for field in declared.fields:
        path = f"{kind.__name__}.{field.name}"
        avro_type = _type(field.type, path, named)
        schema["fields"].append(
            {"name": field.name, "type": avro_type, "default": _default(field, avro_type, named)}
            | _doc(field.type)
        )
    return schema


def _type(declared: inspect.Type, path: str, named: dict[str, Schema]) -> Any:
    match declared:
        case inspect.Metadata(type=inner):
            return _type(inner, path, named)
        case inspect.StrType():
            return "string"
        case inspect.IntType(ge=ge, le=le):
            return "int" if (ge, le) == INT32 else "long"
        case inspect.FloatType():
            return "double"
        case inspect.BoolType():
            return "boolean"
        case inspect.BytesType():
            return "bytes"
        case inspect.DictType(key_type=inspect.StrType(), value_type=value):
            return {"type": "map", "values": _type(value, path, named)}
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return {"type": "array", "items": _type(item, path, named)}
        case inspect.StructType(cls=kind):
            name = f"{NAMESPACE}.{kind.__name__}"
            return name if name in named else _record(kind, named)
        case _:
            raise TypeError(
                f"{path}: {declared} has no place in a topic value; use str, int, float, bool,"
                " bytes, dict[str, ...], tuple[..., ...] or a Struct of those"
            )


def _default(field: inspect.Field, avro_type: Any, named: dict[str, Schema]) -> Any:
    if field.default is not NODEFAULT:
        value = field.default
    elif field.default_factory is not NODEFAULT:
        value = field.default_factory()
    else:
        return _empty(avro_type, named)
    return _json(to_builtins(value, builtin_types=(bytes,)))


def _json(plain: Any) -> Any:
    """Plain builtins as a schema has them: lists for tuples, text for bytes."""
    match plain:
        case bytes():
            if plain:
                raise TypeError("the default of a bytes field can only be empty")
            return ""
        case dict():
            return {key: _json(value) for key, value in plain.items()}
        case list() | tuple():
            return [_json(member) for member in plain]
        case _:
            return plain


def _empty(avro_type: Any, named: dict[str, Schema]) -> Any:
    if isinstance(avro_type, str):
        if avro_type in _EMPTY:
            return _EMPTY[avro_type]
        avro_type = named[avro_type]
    match avro_type["type"]:
        case "array":
            return []
        case "map":
            return {}
        case _:
            return {field["name"]: field["default"] for field in avro_type["fields"]}


def _doc(declared: inspect.Type) -> dict[str, str]:
    """What `Meta(description=...)` says of a field; that of Int32 only names the type."""
    if not isinstance(declared, inspect.Metadata):
        return {}
    said = (declared.extra_json_schema or {}).get("description", "")
    return {"doc": said} if said and said != "int" else {}
