"""The requests that aiokafka lacks, byte by byte as Kafka's message definitions have them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from pipeline.topology.apply.requests import (
    AlterPartitionReassignments,
    AlterPartitionReassignmentsResponseV0,
    IncrementalAlterConfigs,
    IncrementalAlterConfigsResponseV0,
    ListPartitionReassignments,
    ListPartitionReassignmentsResponseV0,
)


def test_incremental_alter_configs_sets_what_it_names() -> None:
    request = IncrementalAlterConfigs({"ab": {"k": "v"}}).prepare({44: (0, 1)})
    assert request.encode() == (
        b"\0\0\0\1" + b"\2" + b"\0\2ab" + b"\0\0\0\1" + b"\0\1k" + b"\0" + b"\0\1v" + b"\0"
    )


def test_incremental_alter_configs_is_answered_by_topic() -> None:
    raw = b"\0\0\0\0" + b"\0\0\0\1" + b"\0\x28" + b"\0\3bad" + b"\2" + b"\0\2ab"
    response: Any = IncrementalAlterConfigsResponseV0.decode(BytesIO(raw))
    assert response.responses == [(40, "bad", 2, "ab")]


def test_reassignments_are_written_compactly() -> None:
    request = AlterPartitionReassignments({"ab": {3: [1, 2]}}, 258).prepare({45: (0, 1)})
    replicas = b"\3" + b"\0\0\0\1" + b"\0\0\0\2"
    partition = b"\0\0\0\3" + replicas + b"\0"
    assert request.encode() == b"\0\0\1\2" + b"\2" + b"\3ab" + b"\2" + partition + b"\0" + b"\0"


def test_reassignments_are_answered_by_partition() -> None:
    partition = b"\0\0\0\3" + b"\0\x25" + b"\0" + b"\0"
    raw = b"\0\0\0\0" + b"\0\0" + b"\0" + b"\2" + b"\3ab" + b"\2" + partition + b"\0" + b"\0"
    response: Any = AlterPartitionReassignmentsResponseV0.decode(BytesIO(raw))
    assert response.error_code == 0
    assert response.responses == [("ab", [(3, 37, None, {})], {})]


def test_all_reassignments_are_asked_for() -> None:
    assert ListPartitionReassignments(258).prepare({46: (0, 1)}).encode() == b"\0\0\1\2\0\0"


def test_reassignments_under_way_are_read() -> None:
    brokers = b"\3\0\0\0\1\0\0\0\2" + b"\2\0\0\0\2" + b"\1"
    partition = b"\0\0\0\3" + brokers + b"\0"
    raw = b"\0\0\0\0" + b"\0\0" + b"\0" + b"\2" + b"\3ab" + b"\2" + partition + b"\0" + b"\0"
    response: Any = ListPartitionReassignmentsResponseV0.decode(BytesIO(raw))
    assert response.topics == [("ab", [(3, [1, 2], [2], [], {})], {})]
