"""Requests of Kafka's protocol that aiokafka 0.14 lacks.

Shapes: Apache Kafka, IncrementalAlterConfigsRequest.json (KIP-339, api key 44),
AlterPartitionReassignmentsRequest.json and ListPartitionReassignmentsRequest.json (KIP-455, api
keys 45 and 46).
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    String,
    TaggedFields,
)

TOPIC: Final = 2
"""A resource of the kind topic."""

SET: Final = 0
"""The operation that gives a setting a value of its own."""


class IncrementalAlterConfigsResponseV0(Response):  # type: ignore[misc]
    """What became of each resource."""

    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class IncrementalAlterConfigsRequestV0(RequestStruct):  # type: ignore[misc]
    """Settings by resource; what is not named keeps its value."""

    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = IncrementalAlterConfigsResponseV0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(
                        ("name", String("utf-8")),
                        ("config_operation", Int8),
                        ("value", String("utf-8")),
                    ),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class IncrementalAlterConfigs(Request[IncrementalAlterConfigsRequestV0]):  # type: ignore[misc]
    """Set these settings of these topics and leave all others alone (AlterConfigs resets them)."""

    API_KEY = 44

    def __init__(self, settings: dict[str, dict[str, str]]) -> None:
        self._resources: list[Any] = [
            (TOPIC, topic, [(name, SET, value) for name, value in each.items()])
            for topic, each in settings.items()
        ]

    def build(self, request_struct_class: type[IncrementalAlterConfigsRequestV0]) -> Any:
        """The one version that there is."""
        return request_struct_class(self._resources, False)  # noqa: FBT003  (validate_only)


class AlterPartitionReassignmentsResponseV0(Response):  # type: ignore[misc]
    """What became of each partition."""

    API_KEY = 45
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        (
            "responses",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("error_code", Int16),
                        ("error_message", CompactString("utf-8")),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterPartitionReassignmentsRequestV0(RequestStruct):  # type: ignore[misc]
    """New replicas by partition."""

    FLEXIBLE_VERSION = True
    API_KEY = 45
    API_VERSION = 0
    RESPONSE_TYPE = AlterPartitionReassignmentsResponseV0
    SCHEMA = Schema(
        ("timeout_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterPartitionReassignments(Request[AlterPartitionReassignmentsRequestV0]):  # type: ignore[misc]
    """Give each partition of each topic these brokers as replicas, the first one preferred."""

    API_KEY = 45

    def __init__(self, replicas: dict[str, dict[int, list[int]]], timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
        self._topics: list[Any] = [
            (topic, [(partition, brokers, {}) for partition, brokers in each.items()], {})
            for topic, each in replicas.items()
        ]

    def build(self, request_struct_class: type[AlterPartitionReassignmentsRequestV0]) -> Any:
        """The one version that there is."""
        return request_struct_class(self._timeout_ms, self._topics, {})


class ListPartitionReassignmentsResponseV0(Response):  # type: ignore[misc]
    """The partitions whose replicas are being added or taken away."""

    API_KEY = 46
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("adding_replicas", CompactArray(Int32)),
                        ("removing_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class ListPartitionReassignmentsRequestV0(RequestStruct):  # type: ignore[misc]
    """Of some partitions, or of all."""

    FLEXIBLE_VERSION = True
    API_KEY = 46
    API_VERSION = 0
    RESPONSE_TYPE = ListPartitionReassignmentsResponseV0
    SCHEMA = Schema(
        ("timeout_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("partition_indexes", CompactArray(Int32)),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class ListPartitionReassignments(Request[ListPartitionReassignmentsRequestV0]):  # type: ignore[misc]
    """Ask for all partitions of the cluster whose replicas are being changed."""

    API_KEY = 46

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms

    def build(self, request_struct_class: type[ListPartitionReassignmentsRequestV0]) -> Any:
        """The one version that there is."""
        return request_struct_class(self._timeout_ms, None, {})
