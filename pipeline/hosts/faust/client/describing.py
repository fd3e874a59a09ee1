"""Describing: which topic has a name today, and how long it keeps what was deleted.

A topic that is deleted and made anew has its name and another id, and offsets mean nothing
across the two. Schemas: https://kafka.apache.org/protocol
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from typing import Any, Final, NamedTuple

from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

from pipeline.hosts.faust.client.codes import Code, name
from pipeline.hosts.faust.client.errors import ClientError, Refused, UnknownTopic
from pipeline.hosts.faust.client.link import UNANSWERED, Link, Patience
from pipeline.hosts.faust.client.requests import Shape, tagged

_NAME: Final = String("utf-8")
_COMPACT: Final = CompactString("utf-8")
_END: Final = ("tags", TaggedFields)
_TOPIC_ID: Final = (("topic_id_high", Int64), ("topic_id_low", Int64))

METADATA: Final = Shape(
    "Metadata",
    3,
    10,
    Schema(
        ("topics", CompactArray(*_TOPIC_ID, ("topic", _COMPACT), _END)),
        ("is_created", Boolean),
        ("with_cluster_operations", Boolean),
        ("with_topic_operations", Boolean),
        _END,
    ),
    Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node", Int32), ("host", _COMPACT), ("port", Int32), ("rack", _COMPACT), _END
            ),
        ),
        ("cluster_id", _COMPACT),
        ("controller", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _COMPACT),
                *_TOPIC_ID,
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        _END,
                    ),
                ),
                ("operations", Int32),
                _END,
            ),
        ),
        ("operations", Int32),
        _END,
    ),
)
"""v10 is the first that tells a topic's id."""

DESCRIBE_CONFIGS: Final = Shape(
    "DescribeConfigs",
    32,
    1,
    Schema(
        ("resources", Array(("kind", Int8), ("resource", _NAME), ("settings", Array(_NAME)))),
        ("with_synonyms", Boolean),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error", _NAME),
                ("kind", Int8),
                ("resource", _NAME),
                (
                    "settings",
                    Array(
                        ("setting", _NAME),
                        ("value", _NAME),
                        ("is_read_only", Boolean),
                        ("source", Int8),
                        ("is_sensitive", Boolean),
                        ("synonyms", Array(("setting", _NAME), ("value", _NAME), ("source", Int8))),
                    ),
                ),
            ),
        ),
    ),
)

_TOPIC: Final = 2
_DELETE_RETENTION: Final = "delete.retention.ms"


class Described(NamedTuple):
    """A topic: its id as Kafka's tools print it, its partitions, how long tombstones are kept."""

    topic_id: str
    partitions: int
    delete_retention_ms: int


async def describe(link: Link, topic: str, patience_s: float) -> Described:
    """What a topic is now. Raises UnknownTopic, Refused, ClientError where no broker answers."""
    metadata = METADATA([tagged(0, 0, topic)], False, False, False)  # noqa: FBT003
    configs = DESCRIBE_CONFIGS([(_TOPIC, topic, [_DELETE_RETENTION])], False)  # noqa: FBT003
    found = (await _ask(link, topic, metadata, patience_s)).topics[0]
    (_, _, high, low, _, partitions, _, _) = found
    topic_id = high.to_bytes(8, signed=True) + low.to_bytes(8, signed=True)
    (_, _, _, _, settings) = (await _ask(link, topic, configs, patience_s)).resources[0]
    return Described(
        topic_id=urlsafe_b64encode(topic_id).decode().rstrip("="),
        partitions=len(partitions),
        delete_retention_ms=int(settings[0][1]),
    )


async def _ask(link: Link, topic: str, call: Any, patience_s: float) -> Any:
    """A broker's answer that speaks of one topic, without an error."""
    loop = asyncio.get_running_loop()
    give_up_at_s = loop.time() + patience_s
    patience, why = Patience(), "no broker is known"
    while True:
        node = link.client.get_random_node()
        try:
            answer = None if node is None else await link.client.send(node, call)
        except UNANSWERED as error:
            why = repr(error)
        else:
            found = () if answer is None else getattr(answer, "topics", None) or answer.resources
            code = found[0][0] if found else Code.NETWORK_EXCEPTION
            if not code:
                return answer
            if code == Code.TOPIC_AUTHORIZATION_FAILED:
                raise Refused(topic, "this user may not describe it: an ACL is missing")
            why = name(code)
        if loop.time() > give_up_at_s:
            if why == name(Code.UNKNOWN_TOPIC_OR_PARTITION):
                raise UnknownTopic(topic)
            raise ClientError(f"{topic}: nobody describes it within {patience_s:g} s: {why}")
        await patience.wait()
