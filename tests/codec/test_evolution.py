"""Old bytes are read by new schemas, new bytes by old ones, and what would break that is named."""

from collections.abc import Mapping
from copy import deepcopy
from io import BytesIO
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, defstruct

from pipeline.codec import TOPIC_VALUES, DecodeError, SingleObject, TopicCodec, derive
from pipeline.codec.derive import Schema
from pipeline.codec.evolution import breaks
from pipeline.codec.published import fingerprint_of, former_schemas, parsed, schemas_folder
from tests.codec.values import exactly, values

KINDS = [pytest.param(kind, id=name) for name, kind in TOPIC_VALUES.items()]
ADDED = {"name": "added_later", "type": {"type": "map", "values": "string"}, "default": {"a": "b"}}


def without(schema: Schema, name: str) -> Schema:
    """The schema as it was before the field was added."""
    older = deepcopy(schema)
    older["fields"] = [field for field in older["fields"] if field["name"] != name]
    return older


def with_added(schema: Schema) -> Schema:
    """The schema as a later version may have it."""
    newer = deepcopy(schema)
    newer["fields"].insert(1, ADDED)
    return newer


def body(schema: Schema, plain: dict[str, Any]) -> bytes:
    """The bytes that a writer of this schema makes."""
    stream = BytesIO()
    fastavro.schemaless_writer(stream, parsed(schema), plain)
    return stream.getvalue()


def read(data: bytes, writer: Schema, reader: Schema) -> Any:
    """What a foreign reader with its own schema makes of the bytes."""
    return fastavro.schemaless_reader(BytesIO(data), parsed(writer), parsed(reader))


def knowing(*former: Schema) -> TopicCodec:
    """Tocsin's codec with these former schemas."""
    known: Mapping[bytes, Schema] = {fingerprint_of(schema): parsed(schema) for schema in former}
    return TopicCodec(SingleObject(former=lambda _name: known))


def removable(kind: type[Struct]) -> st.SearchStrategy[str]:
    """Fields that an older version may have lacked; not those that define a record which others
    refer to.
    """
    fields = derive(kind)["fields"]
    is_shared = "'tocsin." in str(fields)
    names = [f["name"] for f in fields if not (is_shared and "'record'" in str(f["type"]))]
    return st.sampled_from(names)


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_old_bytes_without_a_field_give_its_default(
    kind: type[Struct], drawn: st.DataObject
) -> None:
    name = drawn.draw(removable(kind))
    present = derive(kind)
    older = without(present, name)
    value = drawn.draw(values(kind))
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    framed = b"\xc3\x01" + fingerprint_of(older) + body(older, plain)
    back = knowing(older).decode(kind, framed)
    default = next(field["default"] for field in present["fields"] if field["name"] == name)
    expected = msgspec.convert({**plain, name: default}, kind)
    assert exactly(back) == exactly(expected)


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_bytes_with_an_extra_field_are_read_by_who_does_not_know_it(
    kind: type[Struct], drawn: st.DataObject
) -> None:
    newer = with_added(derive(kind))
    value = drawn.draw(values(kind))
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    framed = b"\xc3\x01" + fingerprint_of(newer) + body(newer, {**plain, "added_later": {}})
    assert exactly(knowing(newer).decode(kind, framed)) == exactly(value)


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_new_bytes_are_read_by_an_old_schema(kind: type[Struct], drawn: st.DataObject) -> None:
    present = derive(kind)
    name = drawn.draw(removable(kind))
    older = without(present, name)
    value = drawn.draw(values(kind))
    framed = TopicCodec(SingleObject()).encode(value)
    seen = read(framed[10:], present, older)
    known = read(framed[10:], present, present)
    del known[name]
    assert msgspec.msgpack.encode(seen) == msgspec.msgpack.encode(known)


def test_a_field_of_a_nested_record_may_be_added_too() -> None:
    old_inner = defstruct("Inner", [("a", str)])
    new_inner = defstruct("Inner", [("a", str), ("b", int, 7)])
    old = derive(defstruct("Outer", [("many", tuple[old_inner, ...])]))  # type: ignore[valid-type]
    kind = defstruct("Outer", [("many", tuple[new_inner, ...])])  # type: ignore[valid-type]
    framed = b"\xc3\x01" + fingerprint_of(old) + body(old, {"many": [{"a": "x"}]})
    back = msgspec.to_builtins(knowing(old).decode(kind, framed))
    assert back == {"many": ({"a": "x", "b": 7},)}


def test_a_number_that_is_missing_from_old_bytes_is_nan() -> None:
    kind = TOPIC_VALUES["Alert"]
    older = without(derive(kind), "threshold")
    alert = msgspec.convert({"alert_id": "a", "fingerprint": "f", "name": "n"}, kind)
    framed = b"\xc3\x01" + fingerprint_of(older) + body(older, msgspec.to_builtins(alert))
    assert exactly(knowing(older).decode(kind, framed)) == exactly(alert)


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_damaged_old_bytes_give_a_value_or_a_decode_error(
    kind: type[Struct], drawn: st.DataObject
) -> None:
    older = without(derive(kind), drawn.draw(removable(kind)))
    framed = b"\xc3\x01" + fingerprint_of(older) + drawn.draw(st.binary(max_size=100))
    try:
        assert isinstance(knowing(older).decode(kind, framed), kind)
    except DecodeError as error:
        assert kind.__name__ in str(error)  # noqa: PT017  # either outcome is right


@pytest.mark.parametrize("name", TOPIC_VALUES)
def test_every_published_former_schema_still_fits(name: str) -> None:
    present = derive(TOPIC_VALUES[name])
    for former in former_schemas(name, schemas_folder()).values():
        assert breaks(former, present) == []
        # fastavro writes a default of bytes as the text that it is in a schema.
        plain = {one["name"]: b"" for one in former["fields"] if one["type"] == "bytes"}
        found = read(body(former, plain), former, present)
        assert isinstance(msgspec.convert(found, TOPIC_VALUES[name]), Struct)


def schema_of(**fields: Any) -> Schema:
    """The schema of a Struct `Outer` with these fields."""
    return derive(defstruct("Outer", list(fields.items())))


INNER = defstruct("Inner", [("a", str), ("b", int)])
INNER_ADDED = defstruct("Inner", [("b", int), ("c", str), ("a", str)])
INNER_LOST = defstruct("Inner", [("a", str)])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (schema_of(x=int), schema_of(x=int)),
        (schema_of(x=int), schema_of(x=int, y=str)),
        (schema_of(x=int, y=str), schema_of(y=str, x=int)),
        (schema_of(x=INNER), schema_of(x=INNER_ADDED)),
        (schema_of(x=tuple[INNER, ...]), schema_of(x=tuple[INNER_ADDED, ...])),  # type: ignore[valid-type]
        # Defined at x before, and at y now.
        (schema_of(x=INNER, y=INNER), schema_of(y=INNER_ADDED, x=INNER_ADDED)),
    ],
)
def test_what_may_change(old: Schema, new: Schema) -> None:
    assert breaks(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (schema_of(x=int, y=str), schema_of(x=int), ["Outer.y is gone"]),
        (schema_of(x=int), schema_of(z=int), ["Outer.x is gone"]),
        (schema_of(x=int), schema_of(x=float), ["Outer.x was long and is double"]),
        (
            schema_of(x=int),
            schema_of(x=tuple[int, ...]),
            ["Outer.x was long and is array of long"],
        ),
        (
            schema_of(x=dict[str, str]),
            schema_of(x=dict[str, int]),
            ["Outer.x was map of string and is map of long"],
        ),
        (schema_of(x=INNER), schema_of(x=INNER_LOST), ["Inner.b is gone"]),
        (schema_of(x=INNER, y=INNER), schema_of(y=INNER_LOST, x=INNER_LOST), ["Inner.b is gone"]),
        (schema_of(x=INNER), schema_of(x=str), ["Outer.x was Inner and is string"]),
        (
            schema_of(x=int),
            derive(defstruct("Other", [("x", int)])),
            ["Outer is now Other"],
        ),
        (
            schema_of(x=int),
            {**schema_of(), "fields": [*schema_of(x=int)["fields"], {"name": "y", "type": "int"}]},
            ["Outer.y is new and has no default"],
        ),
        (schema_of(x=int, y=str), schema_of(x=str), ["Outer.x was", "Outer.y is gone"]),
    ],
)
def test_what_may_not_change_is_named(old: Schema, new: Schema, said: list[str]) -> None:
    found = breaks(old, new)
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))
