"""What stands before an Avro body and names the schema it was written with.

Two framings behind one interface: Avro's single-object encoding, which needs no registry, and
Confluent's, whose ids a registry gives out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from pipeline.codec.derive import Schema
from pipeline.codec.errors import DecodeError
from pipeline.codec.published import fingerprint_of, parsed, parsed_former

MARKER: Final = b"\xc3\x01"
"""Avro 1.12, Single-object encoding: two bytes, then the fingerprint in little-endian."""

MAGIC: Final = b"\x00"
"""Confluent's wire format: one byte, then the schema's id as 4 bytes big-endian."""

_FINGERPRINT_SIZE: Final = 8
_ID_SIZE: Final = 4


class Framing(Protocol):
    """How a value names the schema that it was written with."""

    def prefix(self, schema: Schema) -> bytes | None:
        """The bytes before a body of this schema; None where the framing cannot name it."""
        ...

    def writer(self, name: str, data: bytes) -> tuple[Schema, int]:
        """The schema that `data`, a topic value called `name`, was written with, and where its
        body begins. Raises DecodeError.
        """
        ...


class SingleObject:
    """`C3 01`, the fingerprint, the body. `former` gives the former schemas of a topic value."""

    def __init__(self, former: Callable[[str], Mapping[bytes, Schema]] = parsed_former) -> None:
        self._former = former

    def prefix(self, schema: Schema) -> bytes:
        return MARKER + fingerprint_of(schema)

    def writer(self, name: str, data: bytes) -> tuple[Schema, int]:
        start = len(MARKER) + _FINGERPRINT_SIZE
        if not data.startswith(MARKER):
            raise DecodeError(
                f"{name}: begins with {data[:2].hex() or 'nothing'}, not with c301: these bytes"
                " are no Avro single-object encoding"
            )
        if len(data) < start:
            raise DecodeError(f"{name}: {len(data)} bytes end inside the fingerprint of the schema")
        fingerprint = data[len(MARKER) : start]
        schema = self._former(name).get(fingerprint)
        if schema is None:
            raise DecodeError(
                f"{name}: no schema has the fingerprint {fingerprint.hex()}: it was written by a"
                " newer version (upgrade the readers first) or is no value of this type"
            )
        return schema, start


class Confluent:
    """`00`, the id, the body. `schemas` are the schemas of a registry by id, as JSON texts."""

    def __init__(self, schemas: Mapping[int, str]) -> None:
        self._schemas = {number: parsed(json.loads(text)) for number, text in schemas.items()}
        # Of several ids for one schema the lowest is written, whatever the mapping's order.
        self._ids = {
            fingerprint_of(self._schemas[number]): number
            for number in sorted(self._schemas, reverse=True)
        }

    def prefix(self, schema: Schema) -> bytes | None:
        number = self._ids.get(fingerprint_of(schema))
        return None if number is None else MAGIC + number.to_bytes(_ID_SIZE, "big")

    def writer(self, name: str, data: bytes) -> tuple[Schema, int]:
        start = len(MAGIC) + _ID_SIZE
        if not data.startswith(MAGIC):
            raise DecodeError(
                f"{name}: begins with {data[:1].hex() or 'nothing'}, not with 00: these bytes are"
                " not in Confluent's wire format"
            )
        if len(data) < start:
            raise DecodeError(f"{name}: {len(data)} bytes end inside the id of the schema")
        number = int.from_bytes(data[len(MAGIC) : start], "big")
        schema = self._schemas.get(number)
        if schema is None:
            raise DecodeError(f"{name}: the registry knows no schema with the id {number}")
        return schema, start
