"""What may change between two versions of a topic value's schema, as a pure comparison.

Compatible means both ways: a new reader takes old bytes, and an old reader takes new bytes. Avro
would allow more, such as removing a field with a default or widening int to long. But those who
read the topics rely on every field, and widening works in one direction only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.codec.derive import Schema


def breaks(old: Schema, new: Schema) -> list[str]:
    """Each change from `old` to `new` that would break a reader; empty where there is none."""
    if old["name"] != new["name"]:
        return [f"{old['name']} is now {new['name']}: a record is never renamed"]
    present = {record["name"]: record for record in _records(new)}
    found = []
    for record in _records(old):
        # A record that nothing uses any more shows as the changed type of the field that did.
        if record["name"] in present:
            found += _record_breaks(record, present[record["name"]])
    return found


def _record_breaks(old: Schema, new: Schema) -> list[str]:
    found = []
    former = {field["name"]: field for field in old["fields"]}
    present = {field["name"]: field for field in new["fields"]}
    for name, field in former.items():
        path, was = f"{old['name']}.{name}", _type_name(field["type"])
        if name not in present:
            found.append(f"{path} is gone: a field is never removed or renamed")
        elif was != (now := _type_name(present[name]["type"])):
            found.append(f"{path} was {was} and is {now}: a type never changes")
    found += [
        f"{new['name']}.{name} is new and has no default: old bytes do not hold it"
        for name, field in present.items()
        if name not in former and "default" not in field
    ]
    return found


def _records(avro_type: Any) -> Iterator[Schema]:
    """Every record that is defined inside a type, itself included."""
    if not isinstance(avro_type, dict):
        return
    match avro_type["type"]:
        case "record":
            yield avro_type
            for field in avro_type["fields"]:
                yield from _records(field["type"])
        case "array":
            yield from _records(avro_type["items"])
        case "map":
            yield from _records(avro_type["values"])


def _type_name(avro_type: Any) -> str:
    """A type in words, in which a record is its name wherever it is defined."""
    if isinstance(avro_type, str):
        return avro_type.rpartition(".")[2]
    match avro_type["type"]:
        case "array":
            return f"array of {_type_name(avro_type['items'])}"
        case "map":
            return f"map of {_type_name(avro_type['values'])}"
        case _:
            return str(avro_type["name"])
