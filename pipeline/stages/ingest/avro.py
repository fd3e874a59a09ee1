"""Formats `avro` and `confluent`: an Alert of the published schema, in one of Avro's framings.

`avro` is the single-object encoding, whose fingerprint names the schema. `confluent` is what
serializers of a schema registry write: `00`, an id of 4 bytes, the body; or a header that names
the schema, and the body alone. No registry is asked: a body that is JSON (of a JSON schema) is
read as any other JSON, and one that is not has to be an Alert of a published schema, whole.
Sources: Avro 1.12, Single-object encoding; Confluent, Wire format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from pipeline.codec import DecodeError, decode
from pipeline.codec.bare import decode_bare
from pipeline.codec.framing import MAGIC, MARKER
from pipeline.domain.alert import Alert
from pipeline.stages.ingest.draft import Parsed, refuse
from pipeline.stages.ingest.native import parse_native
from pipeline.stages.ingest.reasons import NOT_AVRO

ParseJson = Callable[[bytes], Parsed]
"""Reads a body of JSON in a format that is yet to be found out."""

FRAMINGS: Final = ("avro", "confluent")
SCHEMA_HEADER: Final = "__value_schema_id"
"""Names the schema where the value itself does not (Confluent's clients from 8.0 on)."""

_ID_SIZE: Final = 4
_JSON_STARTS: Final = (b"{", b"[")
"""As the first byte of an Alert's Avro body these would be a text of negative length."""

_ENCODER: Final = msgspec.json.Encoder()


def is_single_object(value: bytes) -> bool:
    """Whether a value is in Avro's single-object encoding."""
    return value.startswith(MARKER)


def is_confluent(value: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a value is framed as clients of a schema registry do it."""
    return (value.startswith(MAGIC) and len(value) > len(MAGIC) + _ID_SIZE) or (
        SCHEMA_HEADER in headers
    )


def parse_avro(
    body: bytes, format_name: str, headers: Mapping[str, str], parse_json: ParseJson
) -> Parsed:
    """Read one Alert in the framing of FRAMINGS; `parse_json` reads a body that is JSON."""
    if format_name == "confluent":
        return _parse_confluent(body, headers, parse_json)
    try:
        return _parsed(decode(Alert, body))
    except DecodeError as error:
        return refuse(NOT_AVRO, str(error))


def _parse_confluent(body: bytes, headers: Mapping[str, str], parse_json: ParseJson) -> Parsed:
    start = len(MAGIC) + _ID_SIZE
    named = f"schema id {int.from_bytes(body[len(MAGIC) : start], 'big')}"
    payloads = [body[start:] if body.startswith(MAGIC) else body]
    if SCHEMA_HEADER in headers:
        # An Alert without an id begins with 00, as the framing does: the header comes first.
        named = f"the header {SCHEMA_HEADER}"
        payloads.insert(0, body)
    complaint = ""
    for payload in payloads:
        if payload.lstrip().startswith(_JSON_STARTS):
            return parse_json(payload)
        try:
            return _parsed(decode_bare(Alert, payload))
        except DecodeError as error:
            complaint = complaint or str(error)
    detail = f"{named}: neither JSON nor an Alert of schemas/Alert.avsc: {complaint}"
    return refuse(NOT_AVRO, detail)


def _parsed(alert: Alert) -> Parsed:
    """By way of JSON, so that it is held to what holds for native alerts."""
    return parse_native(_ENCODER.encode(alert), 1)
