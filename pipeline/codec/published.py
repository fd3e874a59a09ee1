"""The schemas as files: the JSON form of a schema, its fingerprint, and the folder they lie in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import fingerprint as avro_fingerprint
from fastavro.schema import to_parsing_canonical_form

from pipeline.codec.derive import Schema

PACKAGE = Path(__file__).resolve().parents[1]


def fingerprint_of(schema: Schema) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, 8 bytes little-endian, as on the wire.

    Docs and defaults do not count. Source: Avro 1.12, Schema Fingerprints. (fastavro's hex is
    that of the little-endian bytes already.)
    """
    return bytes.fromhex(avro_fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


def render(schema: Schema) -> str:
    """The text of the schema's file: indented JSON with a newline at its end.

    JSON has no NaN, so a number that is NaN by default has the default 0.0 in the file; Tocsin's
    own reader, which derives its schema, puts NaN there.
    """
    return json.dumps(_finite(schema), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(node: Any) -> Any:
    match node:
        case dict():
            return {key: _finite(value) for key, value in node.items()}
        case list() | tuple():
            return [_finite(value) for value in node]
        case float() if not isfinite(node):
            return 0.0
        case _:
            return node


def schemas_folder() -> Path:
    """Where the schemas lie: inside the package in a wheel, beside it in a checkout."""
    carried = PACKAGE / "_data" / "schemas"
    return carried if carried.is_dir() else PACKAGE.parent / "schemas"


def former_schemas(name: str, folder: Path) -> dict[bytes, Schema]:
    """The former schemas of a topic value by fingerprint, from `<folder>/history/<name>/`.

    A file counts by what it holds, not by its name. Raises OSError or ValueError where one cannot
    be read.
    """
    schemas = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((folder / "history" / name).glob("*.avsc"))
    ]
    return {fingerprint_of(schema): schema for schema in schemas}


@cache
def parsed_former(name: str) -> Mapping[bytes, Schema]:
    """As `former_schemas` of the folder that belongs to this code, ready for fastavro.

    Read once for each topic value, on the first bytes that are not of its present schema.
    """
    former = former_schemas(name, schemas_folder())
    return {known: parsed(schema) for known, schema in former.items()}


def parsed(schema: Schema) -> Schema:
    """The schema in the form that fastavro takes without parsing it again at each call."""
    result = fastavro.parse_schema(schema)
    if not isinstance(result, dict):
        raise TypeError("a topic value is a record")
    return result
