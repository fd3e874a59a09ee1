"""The writer's bytes are fastavro's, for every topic value; what does not fit raises."""

from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import schemaless_writer
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from pipeline.codec import TOPIC_VALUES, EncodeError, derive, encode
from pipeline.codec.published import parsed
from pipeline.codec.writing import write_long, writer_of
from pipeline.domain.alert import Alert
from pipeline.domain.incident import Incident
from tests.codec.values import values

SCHEMAS = {kind: parsed(derive(kind)) for kind in TOPIC_VALUES.values()}
WRITERS = {kind: writer_of(kind) for kind in TOPIC_VALUES.values()}
KINDS = [pytest.param(kind, id=name) for name, kind in TOPIC_VALUES.items()]
ALERT = Alert(alert_id="k-1", fingerprint="9f1c3b2a77d0e1f4", name="DiskFull")


def by_fastavro(value: Struct) -> bytes:
    stream = BytesIO()
    plain = msgspec.to_builtins(value, builtin_types=(bytes,))
    schemaless_writer(stream, SCHEMAS[type(value)], plain)
    return stream.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=st.data())
def test_it_writes_what_fastavro_writes(kind: type[Struct], drawn: st.DataObject) -> None:
    value = drawn.draw(values(kind))
    assert WRITERS[kind](value) == by_fastavro(value)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 127, 128, 1_023, 1_024, 8_191, 8_192, 40_000])
@pytest.mark.parametrize("letter", ["a", "ß", "🔔"])
def test_texts_of_all_sizes(size: int, letter: str) -> None:
    alert = msgspec.structs.replace(ALERT, description=letter * size, tags=(letter * size,))
    assert WRITERS[Alert](alert) == by_fastavro(alert)


@pytest.mark.parametrize("count", [1, 63, 64, 1_024, 5_000])
def test_maps_and_arrays_of_all_sizes(count: int) -> None:
    texts = {f"label{n}": str(n) for n in range(count)}
    alert = msgspec.structs.replace(ALERT, labels=texts, tags=tuple(texts))
    assert WRITERS[Alert](alert) == by_fastavro(alert)


@given(st.integers(-(2**63), 2**63 - 1))
@example(-(2**63))
@example(2**63 - 1)
@example(-1)
def test_longs(value: int) -> None:
    stream = BytesIO()
    schemaless_writer(stream, {"type": "long"}, value)
    assert write_long(value) == stream.getvalue()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", 5),
        ("name", b"bytes"),
        ("name", None),
        ("starts_at_ms", True),
        ("starts_at_ms", 1.0),
        ("starts_at_ms", "1"),
        ("starts_at_ms", 2**63),
        ("version", 2**31),
        ("version", True),
        ("value", "1.5"),
        ("value", True),
        ("is_test", 1),
        ("is_test", "true"),
        ("labels", ("a", "b")),
        ("labels", {"a": 1}),
        ("labels", {1: "a"}),
        ("tags", "text"),
        ("tags", {"a": "b"}),
        ("tags", (1,)),
        ("tags", 7),
    ],
)
def test_what_does_not_fit_is_refused_also_after_its_equal_was_written(
    field: str, wrong: Any
) -> None:
    # 1 == True == 1.0: what was kept for one of them must not be taken for another.
    encode(msgspec.structs.replace(ALERT, starts_at_ms=1, version=1, is_test=True))
    alert = msgspec.structs.replace(ALERT, **{field: wrong})
    with pytest.raises((TypeError, AttributeError)):
        WRITERS[Alert](alert)
    with pytest.raises(EncodeError, match=f"{field}|too large"):
        encode(alert)


def test_an_integer_in_a_field_of_doubles_is_written_as_a_double() -> None:
    whole = msgspec.structs.replace(ALERT, value=5)
    assert encode(whole) == encode(msgspec.structs.replace(ALERT, value=5.0))


def test_a_struct_of_another_kind_is_refused() -> None:
    incident = Incident(
        incident_id="s.1",
        scope_id="s",
        tenant="t",
        status="triggered",
        title="",
        severity="info",
        group_key="",
        rule="",
        routing=ALERT,  # type: ignore[arg-type]
    )
    with pytest.raises(TypeError, match="no Routing"):
        WRITERS[Incident](incident)
