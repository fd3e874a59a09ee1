"""Topic values survive the way through bytes, and bad bytes give a DecodeError and nothing else."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from pipeline.codec import TOPIC_VALUES, DecodeError, EncodeError, decode, encode
from pipeline.codec.text import without_surrogates
from pipeline.domain.alert import Alert
from pipeline.domain.audit import AuditRecord
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.errors import Poison
from pipeline.domain.incident import AlertRef, Incident, Routing
from tests.codec.values import exactly, values
from tests.real import shared

KINDS = [pytest.param(kind, id=name) for name, kind in TOPIC_VALUES.items()]
ALERT = Alert(alert_id="k-1", fingerprint="9f1c3b2a77d0e1f4", name="DiskFull")


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_a_value_comes_back_as_it_was(kind: type[Struct], drawn: st.DataObject) -> None:
    value = drawn.draw(values(kind))
    back = decode(kind, encode(value))
    assert type(back) is kind
    assert exactly(back) == exactly(value)


def test_the_bench_alert_comes_back_as_it_was() -> None:
    alert = msgspec.json.decode(shared("samples/bench_alert.json").read_bytes(), type=Alert)
    assert decode(Alert, encode(alert)) == alert


def test_an_unknown_number_stays_nan() -> None:
    back = decode(Alert, encode(ALERT))
    assert math.isnan(back.value)
    assert math.isnan(back.threshold)


def test_nested_values_come_back_as_structs_and_tuples() -> None:
    ref = AlertRef(fingerprint="f", alert_id="a", name="n", severity="info", status="firing")
    incident = Incident(
        incident_id="s.1",
        scope_id="s",
        tenant="t",
        status="triggered",
        title="",
        severity="info",
        group_key="",
        rule="",
        alerts=(ref,),
        routing=Routing(muted_by=("silence-1",)),
    )
    assert decode(Incident, encode(incident)) == incident


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_lone_surrogates_become_question_marks(kind: type[Struct], drawn: st.DataObject) -> None:
    # Surrogates only, so that two keys of a map never become one.
    broken = st.sampled_from(["", "\ud800", "a\udfff", "\udc00\ud800 b"])
    value = drawn.draw(values(kind, text=broken))
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    expected = msgspec.convert(without_surrogates(plain), kind)
    assert exactly(decode(kind, encode(value))) == exactly(expected)


def test_a_text_of_surrogates_reads_as_the_fingerprint_counts_it() -> None:
    alert = msgspec.structs.replace(ALERT, labels={"pod\ud800": "\udfffx"})
    assert decode(Alert, encode(alert)).labels == {"pod?": "?x"}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", None),
        ("name", b"bytes"),
        ("value", "7"),
        ("version", 2**31),
        ("version", -(2**31) - 1),
        ("labels", {"team": 7}),
        ("labels", {7: "team"}),
        ("tags", "one"),
        ("is_test", 1),
    ],
)
def test_a_wrong_field_is_named(field: str, wrong: Any) -> None:
    with pytest.raises(EncodeError, match=rf"Alert: .*{field}"):
        encode(msgspec.structs.replace(ALERT, **{field: wrong}))


@pytest.mark.parametrize("wrong", [2**63, -(2**63) - 1, 10**30])
def test_an_integer_beyond_64_bits_is_refused(wrong: int) -> None:
    with pytest.raises(EncodeError, match="Alert"):
        encode(msgspec.structs.replace(ALERT, starts_at_ms=wrong))


@pytest.mark.parametrize("wrong", [EncodeError("x"), DecodeError("x")])
def test_both_errors_blame_the_event(wrong: Exception) -> None:
    assert isinstance(wrong, Poison)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "begins with nothing"),
        (b'{"name": "json"}', "begins with 7b22"),
        (b"\xc3", "begins with c3"),
        (b"\xc3\x01\xdb", "3 bytes end inside the fingerprint"),
        (b"\xc3\x01" + bytes(8), "fingerprint 0000000000000000"),
        (encode(ALERT)[:10], "Alert: "),
        (encode(ALERT)[:-1], "Alert: "),
        (encode(ALERT) + b"\x00", "1 bytes are left over"),
    ],
)
def test_bad_bytes_are_named(data: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        decode(Alert, data)


def test_bytes_of_another_topic_value_are_refused() -> None:
    record = AuditRecord(
        at_ms=1, tenant="t", agent="decide", stage="route", reason="route.sent", text="sent"
    )
    with pytest.raises(DecodeError, match="no schema has the fingerprint"):
        decode(Alert, encode(record))


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_any_body_is_a_value_or_a_decode_error(kind: type[Struct], drawn: st.DataObject) -> None:
    prefix = encode(drawn.draw(values(kind)))[:10]
    check_decodes_or_refuses(kind, prefix + drawn.draw(st.binary(max_size=200)))


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_any_damage_gives_a_value_or_a_decode_error(
    kind: type[Struct], drawn: st.DataObject
) -> None:
    data = bytearray(encode(drawn.draw(values(kind))))
    for _ in range(drawn.draw(st.integers(1, 4))):
        data[drawn.draw(st.integers(0, len(data) - 1))] = drawn.draw(st.integers(0, 255))
    check_decodes_or_refuses(kind, bytes(data[: drawn.draw(st.integers(0, len(data)))]))


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_every_cut_is_refused(kind: type[Struct], drawn: st.DataObject) -> None:
    data = encode(drawn.draw(values(kind)))
    with pytest.raises(DecodeError):
        decode(kind, data[: drawn.draw(st.integers(0, len(data) - 1))])


def test_a_huge_declared_length_is_refused_at_once() -> None:
    huge = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    prefix = encode(DeadLetter(**{**DEAD, "value": b""}))[:10]
    for body in (huge, huge * 2, b"\x00" + huge):
        with pytest.raises(DecodeError):
            decode(DeadLetter, prefix + body)


DEAD: dict[str, Any] = {
    "dead_letter_id": "d",
    "topic": "raw-alerts",
    "partition": 0,
    "offset": 1,
    "index": -1,
    "key": "",
    "agent": "intake",
    "stage": "ingest",
    "reason": "ingest.unreadable",
    "detail": "",
    "at_ms": 1,
}


def test_a_dead_letter_keeps_any_bytes() -> None:
    for raw in (b"", bytes(range(256)), b"\xff" * 10_000):
        letter = DeadLetter(**DEAD, value=raw)
        assert decode(DeadLetter, encode(letter)) == letter


def check_decodes_or_refuses(kind: type[Struct], data: bytes) -> None:
    """A value that was read is a real one: it can be written again and means the same."""
    try:
        value = decode(kind, data)
    except DecodeError:
        return
    assert exactly(decode(kind, encode(value))) == exactly(value)
