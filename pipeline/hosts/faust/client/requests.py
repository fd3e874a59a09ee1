"""The requests that aiokafka 0.14 lacks, or has only in versions too old to fence with.

Schemas: https://kafka.apache.org/protocol. Versions are fixed, not negotiated: each is the lowest
that says what we need, and every broker from 3.7.1 to 4.x offers all but EndTxn v5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiokafka.protocol.api import RequestStruct, Response, ResponseHeader_v0
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

from pipeline.hosts.faust.client.errors import Refused

_TAGS: Final[dict[int, bytes]] = {}
_STRING: Final = String("utf-8")
_COMPACT: Final = CompactString("utf-8")
_END: Final = ("tags", TaggedFields)


class Shape:
    """One request in one version: how it and its response lie on the wire."""

    def __init__(self, name: str, key: int, version: int, asked: Schema, answered: Schema) -> None:
        flexible = bool(asked.names) and asked.names[-1] == "tags"
        api = {"API_KEY": key, "API_VERSION": version}
        response = type(f"{name}Response", (Response,), {**api, "SCHEMA": answered})
        rest = {"SCHEMA": asked, "RESPONSE_TYPE": response, "FLEXIBLE_VERSION": flexible}
        self.name = name
        self.key = key
        self.version = version
        self.struct: Any = type(f"{name}Request", (RequestStruct,), {**api, **rest})

    def __call__(self, *values: Any) -> Call:
        """A request with these values, in the order of the schema and without its last tags."""
        tail = (_TAGS,) if self.struct.FLEXIBLE_VERSION else ()
        return Call(self, self.struct(*values, *tail))


class Call:
    """A request ready to be sent; aiokafka's connections call `prepare`."""

    def __init__(self, shape: Shape, struct: Any) -> None:
        self._shape = shape
        self._struct = struct

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Any:
        """The struct on the wire; raises where this broker does not offer the version."""
        shape = self._shape
        lowest, highest = versions.get(shape.key, (0, -1))
        if not lowest <= shape.version <= highest and versions:
            raise Refused(
                f"{shape.name} v{shape.version}",
                f"this broker offers {lowest} to {highest}; Apache Kafka 3.7.1 or newer is needed",
            )
        return self._struct


INIT_PRODUCER_ID: Final = Shape(
    "InitProducerId",
    22,
    4,
    Schema(
        ("transactional_id", _COMPACT),
        ("transaction_timeout_ms", Int32),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        _END,
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        _END,
    ),
)
"""v3 and later carry the holder's own id and epoch, so that a zombie cannot fence its successor."""

ADD_OFFSETS: Final = Shape(
    "AddOffsetsToTxn",
    25,
    2,
    Schema(
        ("transactional_id", _STRING),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("group_id", _STRING),
    ),
    Schema(("throttle_time_ms", Int32), ("error_code", Int16)),
)

_END_TXN: Final = Schema(
    ("transactional_id", _COMPACT),
    ("producer_id", Int64),
    ("producer_epoch", Int16),
    ("is_committed", Boolean),
    _END,
)
END_TXN_V3: Final = Shape(
    "EndTxn", 26, 3, _END_TXN, Schema(("throttle_time_ms", Int32), ("error_code", Int16), _END)
)
END_TXN_V5: Final = Shape(
    "EndTxn",
    26,
    5,
    _END_TXN,
    Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        _END,
    ),
)
"""v5 raises the producer's epoch with every end (KIP-890), so a late duplicate is fenced."""

OFFSET_FETCH: Final = Shape(
    "OffsetFetch",
    9,
    7,
    Schema(
        ("group_id", _COMPACT),
        ("topics", CompactArray(("topic", _COMPACT), ("partitions", CompactArray(Int32)), _END)),
        ("require_stable", Boolean),
        _END,
    ),
    Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", _COMPACT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _COMPACT),
                        ("error_code", Int16),
                        _END,
                    ),
                ),
                _END,
            ),
        ),
        ("error_code", Int16),
        _END,
    ),
)

HEARTBEAT: Final = Shape(
    "Heartbeat",
    12,
    3,
    Schema(
        ("group_id", _STRING),
        ("generation_id", Int32),
        ("member_id", _STRING),
        ("group_instance_id", _STRING),
    ),
    Schema(("throttle_time_ms", Int32), ("error_code", Int16)),
)
"""v3 carries the instance id: without it, two processes of one slot are not told apart."""

LEAVE_GROUP: Final = Shape(
    "LeaveGroup",
    13,
    3,
    Schema(
        ("group_id", _STRING),
        ("members", Array(("member_id", _STRING), ("group_instance_id", _STRING))),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(("member_id", _STRING), ("group_instance_id", _STRING), ("error_code", Int16)),
        ),
    ),
)

API_VERSIONS: Final = Shape(
    "ApiVersions",
    18,
    3,
    Schema(("software_name", _COMPACT), ("software_version", _COMPACT), _END),
    Schema(
        ("error_code", Int16),
        (
            "api_versions",
            CompactArray(("api_key", Int16), ("min_version", Int16), ("max_version", Int16), _END),
        ),
        ("throttle_time_ms", Int32),
        _END,
    ),
)
"""v3 also tells the cluster's finalized features, in tagged fields."""
# The header of this one response is never flexible, so that any client can read it (KIP-511).
API_VERSIONS.struct.parse_response_header = lambda _self, buffer: ResponseHeader_v0.decode(buffer)


def tagged(*values: Any) -> tuple[Any, ...]:
    """An element of a flexible array: its values and no tags."""
    return (*values, _TAGS)
