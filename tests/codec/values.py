"""Hypothesis strategies for Structs, made from their declarations as the schemas are."""

from typing import Any

from hypothesis import strategies as st
from msgspec import Struct, inspect, msgpack

INT64 = (-(2**63), 2**63 - 1)


def values(kind: type[Struct], text: st.SearchStrategy[str] | None = None) -> Any:
    """Values of a Struct within what its schema can carry; `text` makes its strings."""
    declared = inspect.type_info(kind)
    return _values(declared, st.text(max_size=20) if text is None else text)


def _values(declared: inspect.Type, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    match declared:
        case inspect.Metadata(type=inner):
            return _values(inner, text)
        case inspect.StrType():
            return text
        case inspect.IntType(ge=ge, le=le):
            low, high = INT64
            return st.integers(low if ge is None else ge, high if le is None else le)
        case inspect.FloatType():
            # One NaN: their payloads are nobody's contract.
            return st.floats(allow_nan=False) | st.just(float("nan"))
        case inspect.BoolType():
            return st.booleans()
        case inspect.BytesType():
            return st.binary(max_size=20)
        case inspect.DictType(value_type=inner):
            return st.dictionaries(text, _values(inner, text), max_size=3)
        case inspect.VarTupleType(item_type=inner):
            return st.lists(_values(inner, text), max_size=3).map(tuple)
        case inspect.StructType(cls=kind, fields=fields):
            parts = {field.name: _values(field.type, text) for field in fields}
            return st.builds(kind, **parts)
        case _:
            raise TypeError(f"no strategy for {declared}")


def exactly(value: Struct) -> bytes:
    """A form in which equal means the same: NaN is NaN, 0.0 is not -0.0, maps keep their order."""
    return msgpack.encode(value)
