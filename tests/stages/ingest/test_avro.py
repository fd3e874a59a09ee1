"""Alerts in Avro: single-object encoding and the framings of a schema registry."""

from __future__ import annotations

import json
import math
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form

from pipeline.codec import encode
from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Service
from pipeline.stages.ingest import IngestConfig, parse
from pipeline.stages.ingest.sniff import sniff

CONFIG = IngestConfig()
NOW_MS = 1_800_000_000_000
SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "schemas" / "Alert.avsc").read_text(encoding="utf-8")
)
BY_HEADER = {"__value_schema_id": "\x01\ufffd"}
FIELDS = {
    "alert_id": "a-1",
    "fingerprint": "",
    "name": "DiskFull",
    "status": "firing",
    "severity": "critical",
    "labels": {"alertname": "DiskFull", "zone": "käse"},
    "tags": ["x"],
    "starts_at_ms": 1_700_000_000_000,
    "value": 0.5,
}


def body(**fields: Any) -> bytes:
    """An alert as anybody writes it who has the published schema and an Avro library."""
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(SCHEMA), FIELDS | fields)
    return stream.getvalue()


def single_object(avro: bytes) -> bytes:
    known = fingerprint(to_parsing_canonical_form(SCHEMA), "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(known) + avro


def confluent(avro: bytes, number: int = 42) -> bytes:
    return struct.pack(">bI", 0, number) + avro


@pytest.mark.parametrize(
    ("value", "headers", "format_name"),
    [
        (single_object(body()), {}, "avro"),
        (confluent(body()), {}, "confluent"),
        (confluent(body(), 2**32 - 1), {}, "confluent"),
        (body(), BY_HEADER, "confluent"),
        (body(alert_id=""), BY_HEADER, "confluent"),
        (confluent(body(alert_id="")), {}, "confluent"),
        (confluent(body()), BY_HEADER, "confluent"),
    ],
)
def test_an_alert_of_the_published_schema_is_read_in_each_framing(
    value: bytes, headers: dict[str, str], format_name: str
) -> None:
    assert sniff(value, headers) == format_name
    (draft,) = parse(value, "", headers, CONFIG, NOW_MS).drafts
    assert (draft.name, draft.status, draft.severity) == ("DiskFull", "firing", "critical")
    assert draft.labels == FIELDS["labels"]
    assert (draft.value, draft.tags, draft.starts_at_ms) == (0.5, ["x"], 1_700_000_000_000)
    assert len(draft.fingerprint) == 16
    assert draft.threshold in (0.0, None)


def test_a_number_that_is_unknown_stays_so() -> None:
    alert = Alert(alert_id="a", fingerprint="", name="n")
    assert math.isnan(alert.value)
    (draft,) = parse(encode(alert), "", {}, CONFIG, NOW_MS).drafts
    assert draft.value is draft.threshold is None


def test_json_behind_a_schema_id_is_read_as_json() -> None:
    group = {"alerts": [{"labels": {"alertname": "A"}, "status": "firing"}, {"labels": 1}]}
    parsed = parse(confluent(json.dumps(group).encode()), "", {}, CONFIG, NOW_MS)
    assert [draft.name for draft in parsed.drafts] == ["A"]
    assert [one.path for one in parsed.rejected] == ["alerts[1].labels"]
    (native,) = parse(b'{"name":"a","status":"OK"}', "", BY_HEADER, CONFIG, NOW_MS).drafts
    assert native.status == "OK"


def test_an_event_may_carry_an_alert_in_avro() -> None:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "7",
        "ce_source": "/plant",
        "ce_type": "alert.firing",
        "content-type": "application/avro",
    }
    for value in (single_object(body()), confluent(body())):
        (draft,) = parse(value, "", headers, CONFIG, NOW_MS).drafts
        assert draft.name == "DiskFull"
        assert draft.idempotency_key


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"\xc3\x01" + bytes(8) + body(), "no schema has the fingerprint 0000000000000000"),
        (encode(Service(name="api")), "is no value of this type"),
        (single_object(body())[:-1], "Alert"),
        (single_object(body()) + b"x", "left over"),
        (confluent(body()[:-1]), "schema id 42: neither JSON nor an Alert"),
        (confluent(b"\x06abc"), "schema id 42"),
        (confluent(b"\x00\x0a\x03abc", 7), "schema id 7"),
    ],
)
def test_what_is_no_alert_is_refused_with_what_it_is(value: bytes, says: str) -> None:
    (verdict,) = parse(value, "", {}, CONFIG, NOW_MS).rejected
    assert verdict.reason == "not_avro"
    assert says in verdict.detail


@pytest.mark.parametrize(
    ("fields", "reason", "path"),
    [
        ({"name": ""}, "invalid", "name"),
        ({"status": "perhaps"}, "unknown_status", "status"),
        ({"starts_at_ms": -1}, "invalid", "starts_at_ms"),
    ],
)
def test_an_alert_in_avro_is_held_to_what_holds_for_json(
    fields: dict[str, Any], reason: str, path: str
) -> None:
    (verdict,) = parse(single_object(body(**fields)), "", {}, CONFIG, NOW_MS).rejected
    assert (verdict.reason, verdict.path) == (reason, path)


def test_a_nul_in_a_text_is_replaced_as_in_json() -> None:
    (draft,) = parse(single_object(body(labels={"a": "x\0y"})), "", {}, CONFIG, NOW_MS).drafts
    assert draft.labels == {"a": "x\ufffdy"}
