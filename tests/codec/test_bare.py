"""Bodies without framing: read by the schema that takes them whole, never by another."""

from __future__ import annotations

import contextlib
from io import BytesIO

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.codec import DecodeError, encode
from pipeline.codec.bare import decode_bare
from pipeline.codec.published import parsed_former
from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Service
from pipeline.domain.journal import JournalRecord

PREFIX_SIZE = 10
ALERT = Alert(
    alert_id="a-1",
    fingerprint="0123456789abcdef",
    name="DiskFull",
    labels={"alertname": "DiskFull", "käse": "ö"},
    tags=("x", "y"),
    value=0.5,
    threshold=0.25,
)


def body(alert: Alert) -> bytes:
    """What stands behind the framing."""
    return encode(alert)[PREFIX_SIZE:]


def test_the_present_schema_is_tried_first() -> None:
    assert decode_bare(Alert, body(ALERT)) == ALERT


def test_a_former_schema_is_tried_too() -> None:
    former = parsed_former(JournalRecord.__name__)
    assert former, "a topic value with a former schema is needed here"
    for schema in former.values():
        stream = BytesIO()
        fastavro.schemaless_writer(stream, schema, {"task": "t-1"} | _defaults(schema))
        assert decode_bare(JournalRecord, stream.getvalue()).epoch == 0


def _defaults(schema: dict[str, object]) -> dict[str, object]:
    fields: list[dict[str, object]] = schema["fields"]  # type: ignore[assignment]
    return {str(one["name"]): one["default"] for one in fields if one["name"] != "task"}


@pytest.mark.parametrize("size", range(0, len(body(ALERT)), 7))
def test_a_body_that_ends_early_is_none(size: int) -> None:
    with pytest.raises(DecodeError):
        decode_bare(Alert, body(ALERT)[:size])


def test_a_body_with_something_behind_it_is_none() -> None:
    with pytest.raises(DecodeError, match="left over"):
        decode_bare(Alert, body(ALERT) + b"\x00")


def test_other_topic_values_are_not_taken_for_alerts() -> None:
    service = Service(name="api", tier=1, team="web")
    with pytest.raises(DecodeError):
        decode_bare(Alert, encode(service)[PREFIX_SIZE:])


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert decode_bare(Alert, data).name is not None
