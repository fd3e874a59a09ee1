"""Which schema follows from which declaration, and which declarations have none."""

from typing import Any

import fastavro
import pytest
from msgspec import Struct, defstruct, field

from pipeline.codec import TOPIC_VALUES, derive
from pipeline.domain.alert import Int32


class Point(Struct, frozen=True):
    """A point."""

    at_ms: int
    value: float = 1.5


class Tagged(Struct, tag="x"):
    at_ms: int


class Row(Struct, array_like=True):
    at_ms: int


POINT = {
    "type": "record",
    "name": "Point",
    "namespace": "tocsin",
    "doc": "A point.",
    "fields": [
        {"name": "at_ms", "type": "long", "default": 0},
        {"name": "value", "type": "double", "default": 1.5},
    ],
}


def field_of(declared: Any, *default: Any) -> Any:
    """The one field of a Struct that declares it."""
    return derive(defstruct("Sample", [("it", declared, *default)]))["fields"][0]


@pytest.mark.parametrize(
    ("declared", "avro_type", "empty"),
    [
        (str, "string", ""),
        (int, "long", 0),
        (Int32, "int", 0),
        (float, "double", 0.0),
        (bool, "boolean", False),
        (bytes, "bytes", ""),
        (dict[str, str], {"type": "map", "values": "string"}, {}),
        (dict[str, int], {"type": "map", "values": "long"}, {}),
        (tuple[str, ...], {"type": "array", "items": "string"}, []),
        (list[float], {"type": "array", "items": "double"}, []),
        (tuple[bytes, ...], {"type": "array", "items": "bytes"}, []),
        (
            dict[str, tuple[int, ...]],
            {"type": "map", "values": {"type": "array", "items": "long"}},
            {},
        ),
        (Point, POINT, {"at_ms": 0, "value": 1.5}),
        (tuple[Point, ...], {"type": "array", "items": POINT}, []),
    ],
    ids=str,
)
def test_a_type_and_its_empty_value(declared: Any, avro_type: Any, empty: Any) -> None:
    assert field_of(declared) == {"name": "it", "type": avro_type, "default": empty}


@pytest.mark.parametrize(
    ("declared", "default", "avro_default"),
    [
        (str, "firing", "firing"),
        (int, 7, 7),
        (bool, True, True),
        (bytes, b"", ""),
        (tuple[str, ...], ("a", "b"), ["a", "b"]),
        (dict[str, str], field(default_factory=lambda: {"a": "b"}), {"a": "b"}),
        (Point, Point(at_ms=3), {"at_ms": 3, "value": 1.5}),
    ],
    ids=str,
)
def test_the_default_of_the_struct_is_that_of_the_schema(
    declared: Any, default: Any, avro_default: Any
) -> None:
    assert field_of(declared, default)["default"] == avro_default


@pytest.mark.parametrize(
    "declared",
    [str | None, int | str, dict[int, str], tuple[str, int], object, Tagged, Row],
    ids=str,
)
def test_what_has_no_place_in_a_topic_value_is_refused(declared: Any) -> None:
    with pytest.raises(TypeError, match=r"Sample\.it|Tagged|Row"):
        field_of(declared)


def test_a_bytes_field_has_no_other_default_than_nothing() -> None:
    with pytest.raises(TypeError, match="only be empty"):
        field_of(bytes, b"x")


def test_a_record_that_is_used_twice_is_defined_once() -> None:
    schema = derive(defstruct("Line", [("start", Point), ("end", Point)]))
    start, end = schema["fields"]
    assert start["type"] == POINT
    assert end["type"] == "tocsin.Point"
    assert end["default"] == {"at_ms": 0, "value": 1.5}


@pytest.mark.parametrize("kind", TOPIC_VALUES.values(), ids=TOPIC_VALUES)
def test_every_field_of_every_topic_value_has_a_valid_default(kind: type[Struct]) -> None:
    schema = derive(kind)
    assert [f["name"] for f in schema["fields"]] == list(kind.__struct_fields__)
    assert all("default" in f for f in schema["fields"])
    # fastavro checks each default against its type.
    assert fastavro.parse_schema(schema)


def test_the_hot_value_has_no_unions_and_no_enums() -> None:
    alert = derive(TOPIC_VALUES["Alert"])
    assert len(alert["fields"]) == 27
    assert not [f for f in alert["fields"] if isinstance(f["type"], list)]
    assert "enum" not in str(alert["fields"])
