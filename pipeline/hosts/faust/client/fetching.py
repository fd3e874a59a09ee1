"""Fetching: the requests with which partitions are read and measured, as they lie on the wire.

Schemas: https://kafka.apache.org/protocol
"""

from __future__ import annotations

from typing import Final

from aiokafka.protocol.types import Array, Bytes, Int8, Int16, Int32, Int64, Schema, String

from pipeline.hosts.faust.client.requests import Shape

_NAME: Final = String("utf-8")
FETCH: Final = Shape(
    "Fetch",
    1,
    11,
    Schema(
        ("replica_id", Int32),
        ("max_wait_ms", Int32),
        ("min_bytes", Int32),
        ("max_bytes", Int32),
        ("isolation_level", Int8),
        ("session_id", Int32),
        ("session_epoch", Int32),
        (
            "topics",
            Array(
                ("topic", _NAME),
                (
                    "partitions",
                    Array(
                        ("partition", Int32),
                        ("leader_epoch", Int32),
                        ("offset", Int64),
                        ("log_start_offset", Int64),
                        ("max_bytes", Int32),
                    ),
                ),
            ),
        ),
        ("forgotten", Array(("topic", _NAME), ("partitions", Array(Int32)))),
        ("rack_id", _NAME),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("session_id", Int32),
        (
            "topics",
            Array(
                ("topic", _NAME),
                (
                    "partitions",
                    Array(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("high_watermark", Int64),
                        ("last_stable_offset", Int64),
                        ("log_start_offset", Int64),
                        ("aborted", Array(("producer_id", Int64), ("first_offset", Int64))),
                        ("preferred_read_replica", Int32),
                        ("records", Bytes),
                    ),
                ),
            ),
        ),
    ),
)
"""v11 is the newest that names topics instead of ids, and brings every compression."""

LIST_OFFSETS: Final = Shape(
    "ListOffsets",
    2,
    5,
    Schema(
        ("replica_id", Int32),
        ("isolation_level", Int8),
        (
            "topics",
            Array(
                ("topic", _NAME),
                (
                    "partitions",
                    Array(("partition", Int32), ("leader_epoch", Int32), ("timestamp", Int64)),
                ),
            ),
        ),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", _NAME),
                (
                    "partitions",
                    Array(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("timestamp", Int64),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                    ),
                ),
            ),
        ),
    ),
)
"""From v5 on a leader that does not know its high watermark yet says OFFSET_NOT_AVAILABLE."""
