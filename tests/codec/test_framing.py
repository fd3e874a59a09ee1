"""Both framings against vectors made by others, and what they say to bytes that are not theirs."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from pipeline.codec import Confluent, DecodeError, EncodeError, SingleObject, TopicCodec, derive
from pipeline.codec.derive import Schema
from pipeline.codec.published import fingerprint_of, parsed, render
from pipeline.domain.alert import Alert
from pipeline.domain.command import Command
from tests.real import shared

ALERT = Alert(
    alert_id="k-1", fingerprint="9f1c3b2a77d0e1f4", name="DiskFull", value=1.5, threshold=1.0
)


def vectors() -> Any:
    """Bytes that were made outside this project."""
    return json.loads(shared("samples/avro_wire_vectors.json").read_text())


def body_of(schema: Schema, datum: Any) -> bytes:
    """The Avro body alone."""
    stream = BytesIO()
    schemaless_writer(stream, parsed(schema), datum)
    return stream.getvalue()


def registry(*kinds: type[msgspec.Struct], first_id: int = 42) -> Mapping[int, str]:
    """What a registry that holds the present schemas would give."""
    return {first_id + place: render(derive(kind)) for place, kind in enumerate(kinds)}


def test_the_fingerprint_of_the_specification_s_example() -> None:
    # Avro's own example: "int" has 0x7275d51a3f395c8f; on the wire the lowest byte comes first.
    wire = fingerprint(to_parsing_canonical_form("int"), "CRC-64-AVRO")
    assert int.from_bytes(bytes.fromhex(wire), "little") == 0x7275D51A3F395C8F


def test_the_single_object_vector() -> None:
    given = vectors()
    prefix = SingleObject().prefix(given["example_schema"])
    framed = prefix + body_of(given["example_schema"], given["datum"])
    assert framed.hex() == given["single_object_hex"]


def test_the_confluent_vector() -> None:
    given = vectors()
    schema = given["example_schema"]
    prefix = Confluent({42: json.dumps(schema)}).prefix(schema)
    assert prefix is not None
    assert (prefix + body_of(schema, given["datum"])).hex() == given["confluent_id42_hex"]


def test_the_fingerprint_of_an_alert_is_what_apache_avro_says() -> None:
    # Checked against the `avro` package 1.12; it changes only with the fields of an Alert, and
    # then the schema that had it must lie under schemas/history/Alert/.
    assert fingerprint_of(derive(Alert)).hex() == "dbb3865cfb18102f"


def test_docs_and_defaults_do_not_count_for_the_fingerprint() -> None:
    bare = msgspec.defstruct("Gauge", [("name", str), ("value", float)])
    told = msgspec.defstruct("Gauge", [("name", str, "?"), ("value", float, 1.0)])
    told.__doc__ = "A gauge."
    assert fingerprint_of(derive(bare)) == fingerprint_of(derive(told))


def test_one_value_through_both_framings_has_one_body() -> None:
    single = TopicCodec(SingleObject()).encode(ALERT)
    confluent = TopicCodec(Confluent(registry(Alert))).encode(ALERT)
    assert confluent[:5].hex() == "000000002a"
    assert confluent[5:] == single[10:]
    assert TopicCodec(Confluent(registry(Alert))).decode(Alert, confluent) == TopicCodec(
        SingleObject()
    ).decode(Alert, single)


def test_a_registry_may_know_a_schema_by_several_ids() -> None:
    codec = TopicCodec(Confluent({9: render(derive(Command)), **registry(Alert, Alert)}))
    framed = codec.encode(ALERT)
    assert framed[:5].hex() == "000000002a"
    again = framed[:4] + b"\x2b" + framed[5:]
    assert codec.decode(Alert, again).name == "DiskFull"


def test_a_schema_without_an_id_is_not_written() -> None:
    with pytest.raises(EncodeError, match="Alert: the registry has no id"):
        TopicCodec(Confluent(registry(Command))).encode(ALERT)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "begins with nothing"),
        (b"\xc3\x01abcdefgh", "begins with c3"),
        (b"\x00\x00\x00", "3 bytes end inside the id"),
        (b"\x00\x00\x00\x00\x07", "knows no schema with the id 7"),
        (b"\x00\xff\xff\xff\xff", "knows no schema with the id 4294967295"),
        (b"\x00\x00\x00\x00\x2a", "Alert: "),
    ],
)
def test_bytes_that_are_not_confluent_s_are_named(data: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        TopicCodec(Confluent(registry(Alert))).decode(Alert, data)


def test_an_id_of_another_topic_value_is_refused() -> None:
    codec = TopicCodec(Confluent(registry(Alert, Command)))
    command = Command(
        command_id="c", kind="note", incident_id="s.1", scope_id="s", tenant="t", author="a"
    )
    with pytest.raises(DecodeError, match="Alert"):
        codec.decode(Alert, codec.encode(command))


def test_a_reader_needs_no_id_of_its_own_to_read() -> None:
    older = msgspec.defstruct("Alert", [("alert_id", str), ("name", str)])
    codec = TopicCodec(Confluent({1: render(derive(older))}))
    framed = b"\x00\x00\x00\x00\x01" + body_of(derive(older), {"alert_id": "a", "name": "n"})
    assert codec.decode(Alert, framed).name == "n"
