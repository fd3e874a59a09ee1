"""What is packed by hand is what the schemas say, and is read back as they say it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol.api import RequestHeader_v1, RequestHeader_v2
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest_v0 as AddPartitions
from aiokafka.protocol.transaction import AddPartitionsToTxnResponse_v0 as PartitionsAdded
from aiokafka.protocol.types import (
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hosts.faust.client.batches import Place, Writer
from pipeline.hosts.faust.client.errors import Refused
from pipeline.hosts.faust.client.packing import (
    Packed,
    add_partitions,
    produce,
    txn_offset_commit,
)

TEXT = CompactString("utf-8")
END = ("tags", TaggedFields)
STAGED = Schema(
    ("transactional_id", TEXT),
    ("group_id", TEXT),
    ("producer_id", Int64),
    ("producer_epoch", Int16),
    ("generation_id", Int32),
    ("member_id", TEXT),
    ("group_instance_id", TEXT),
    (
        "topics",
        CompactArray(
            ("topic", TEXT),
            (
                "partitions",
                CompactArray(
                    ("partition", Int32),
                    ("offset", Int64),
                    ("leader_epoch", Int32),
                    ("metadata", TEXT),
                    END,
                ),
            ),
            END,
        ),
    ),
    END,
)
SAID = Schema(
    ("throttle_time_ms", Int32),
    (
        "topics",
        CompactArray(
            ("topic", TEXT),
            ("partitions", CompactArray(("partition", Int32), ("error_code", Int16), END)),
            END,
        ),
    ),
    END,
)
names = st.text(max_size=200)
partitions = st.integers(0, 2**31 - 1)
codes = st.integers(-1, 150)
writers = st.builds(Writer, st.integers(-1, 2**63 - 1), st.integers(-1, 2**15 - 1))
places = st.lists(st.tuples(names, partitions), unique=True, max_size=30)


def grouped(parts: list[tuple[str, Any]]) -> list[tuple[str, list[Any]]]:
    found: dict[str, list[Any]] = {}
    for topic, part in parts:
        found.setdefault(topic, []).append(part)
    return list(found.items())


def read(packed: Packed, content: bytes) -> Any:
    return packed.RESPONSE_TYPE.decode(BytesIO(content))


@given(names, writers, places)
def test_add_partitions_is_as_aiokafka_packs_it(
    transactional_id: str, writer: Writer, wanted: list[Place]
) -> None:
    packed = add_partitions(transactional_id, writer, wanted)
    theirs = AddPartitions(transactional_id, *writer, grouped(sorted(wanted)))
    assert packed.encode() == theirs.encode()


@given(st.lists(st.tuples(names, partitions, codes)))
def test_added_partitions_are_read_as_aiokafka_packs_them(
    said: list[tuple[str, int, int]],
) -> None:
    topics = grouped([(topic, (partition, code)) for topic, partition, code in said])
    expected = [(topic, *part, -1) for topic, parts in topics for part in parts]
    assert (
        read(add_partitions("", Writer(0, 0), []), PartitionsAdded(5, topics).encode()) == expected
    )


@given(names, writers, st.tuples(names, st.integers(-1, 99), names, names), places, st.data())
def test_offsets_are_as_the_schema_has_them(
    transactional_id: str,
    writer: Writer,
    member: tuple[str, int, str, str],
    wanted: list[Place],
    data: st.DataObject,
) -> None:
    offsets = {place: data.draw(st.integers(0, 2**63 - 1)) for place in wanted}
    topics = grouped(
        [
            (topic, (partition, offset, -1, transactional_id, {}))
            for (topic, partition), offset in offsets.items()
        ]
    )
    group, generation, member_id, instance_id = member
    theirs = STAGED.encode(
        [
            transactional_id,
            group,
            *writer,
            generation,
            member_id,
            instance_id,
            [(topic, parts, {}) for topic, parts in topics],
            {},
        ]
    )
    assert txn_offset_commit(transactional_id, writer, member, offsets).encode() == theirs


@given(st.lists(st.tuples(names, partitions, codes)))
def test_staged_offsets_are_read_as_the_schema_has_them(said: list[tuple[str, int, int]]) -> None:
    topics = grouped([(topic, (partition, code, {})) for topic, partition, code in said])
    content = SAID.encode([7, [(topic, parts, {}) for topic, parts in topics], {}])
    expected = [(topic, part[0], part[1], -1) for topic, parts in topics for part in parts]
    packed = txn_offset_commit("", Writer(0, 0), ("", 0, "", ""), {})
    assert read(packed, content) == expected


@given(names, st.dictionaries(st.tuples(names, partitions), st.binary(max_size=300), max_size=20))
def test_produce_is_as_aiokafka_packs_it(
    transactional_id: str, batches: dict[Place, bytes]
) -> None:
    packed = produce(
        transactional_id, 1_500, [(place, bytearray(batch)) for place, batch in batches.items()]
    )
    topics = grouped([(topic, (number, batch)) for (topic, number), batch in batches.items()])
    assert packed.encode() == ProduceRequest_v7(transactional_id, -1, 1_500, topics).encode()


@given(st.lists(st.tuples(names, partitions, codes, st.integers(-1, 2**62))))
def test_what_was_produced_is_read_as_aiokafka_packs_it(
    said: list[tuple[str, int, int, int]],
) -> None:
    topics = grouped(
        [(topic, (number, code, offset, -1, 0)) for topic, number, code, offset in said]
    )
    expected = [(topic, *part[:3]) for topic, parts in topics for part in parts]
    assert read(produce("", 0, []), ProduceResponse_v7(topics, 0).encode()) == expected


@pytest.mark.parametrize(
    ("packed", "header"),
    [
        (add_partitions("id", Writer(1, 2), []), RequestHeader_v1),
        (txn_offset_commit("id", Writer(1, 2), ("", 0, "", ""), {}), RequestHeader_v2),
    ],
)
def test_headers_are_as_aiokafka_packs_them(packed: Packed, header: Any) -> None:
    theirs = header(packed, correlation_id=77, client_id="tocsin-é")
    assert packed.build_request_header(77, "tocsin-é").encode() == theirs.encode()


def test_tags_that_a_newer_broker_adds_are_read_over() -> None:
    packed = txn_offset_commit("id", Writer(1, 2), ("", 0, "", ""), {})
    tags = b"\x02\x00\x03abc\x05\x01z"
    answer = BytesIO(b"\x00\x00\x00\x09" + tags + SAID.encode([0, [], {}]))
    assert packed.parse_response_header(answer).correlation_id == 9
    assert packed.RESPONSE_TYPE.decode(answer) == []


def test_a_broker_that_is_too_old_is_refused_and_partitions_are_named_in_logs() -> None:
    packed = add_partitions("id", Writer(1, 2), [("b", 1), ("a", 3)])
    assert packed.prepare({24: (0, 2)}) is packed
    assert repr(packed) == "AddPartitionsToTxn v2 of a-3, b-1"
    with pytest.raises(Refused, match=r"AddPartitionsToTxn v2: this broker offers 0 to 1.*3\.7\.1"):
        packed.prepare({24: (0, 1)})
