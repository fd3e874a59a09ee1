"""Refuse to run on libraries other than those that this host was written against (rule 13).

A host that overrides private parts of a library is right about one version of it. Another version,
or the same one changed by somebody, might commit what must not be committed, and nobody would be
told; so the parts are looked at before the first connection. Each package that overrides something
names it in a `Part` of its own.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any, Final, NamedTuple

from pipeline.domain.errors import TocsinError


class Mismatch(TocsinError):
    """What is installed is not what this host overrides."""

    def __init__(self, complaints: Iterable[str]) -> None:
        self.complaints = tuple(complaints)
        super().__init__(
            "the Kafka host does not run on what is installed: "
            + "; ".join(self.complaints)
            + ". Install the pinned versions: pip install --require-hashes -r requirements.lock"
        )


class Part(NamedTuple):
    """What is overridden or used of one library, each as `module:Class.name`."""

    distribution: str
    version: str
    overridden: Mapping[str, str]
    """Its parameters, all of them, in their order."""
    used: Mapping[str, str]
    """Parameters that it has to have, among others."""
    compiled: tuple[str, ...] = ()
    """Classes that have to be the compiled ones: the pure Python ones are ten times slower."""


AIOKAFKA: Final = Part(
    "aiokafka",
    "0.14.0",
    {
        "aiokafka.consumer.consumer:AIOKafkaConsumer.start": "self",
        "aiokafka.consumer.consumer:AIOKafkaConsumer.stop": "self",
        "aiokafka.consumer.group_coordinator:GroupCoordinator._do_fetch_commit_offsets": (
            "self partitions"
        ),
        "aiokafka.consumer.group_coordinator:GroupCoordinator._do_heartbeat": "self",
        "aiokafka.consumer.group_coordinator:GroupCoordinator._on_join_complete": (
            "self generation member_id protocol member_assignment_bytes"
        ),
        "aiokafka.consumer.group_coordinator:GroupCoordinator._send_req": "self request",
        "aiokafka.consumer.group_coordinator:GroupCoordinator.ensure_active_group": (
            "self subscription prev_assignment"
        ),
        "aiokafka.consumer.group_coordinator:GroupCoordinator.reset_generation": "self",
        "aiokafka.protocol.api:RequestStruct.parse_response_header": "self read_buffer",
    },
    {
        "aiokafka.client:AIOKafkaClient.__init__": "request_timeout_ms",
        "aiokafka.client:AIOKafkaClient.add_topic": "topic",
        "aiokafka.client:AIOKafkaClient.bootstrap": "",
        "aiokafka.client:AIOKafkaClient.close": "",
        "aiokafka.client:AIOKafkaClient.coordinator_lookup": "coordinator_type coordinator_key",
        "aiokafka.client:AIOKafkaClient.force_metadata_update": "",
        "aiokafka.client:AIOKafkaClient.get_random_node": "",
        "aiokafka.client:AIOKafkaClient.ready": "node_id group",
        "aiokafka.client:AIOKafkaClient.send": "node_id request group",
        "aiokafka.cluster:ClusterMetadata.brokers": "",
        "aiokafka.cluster:ClusterMetadata.leader_for_partition": "partition",
        "aiokafka.cluster:ClusterMetadata.partitions_for_topic": "topic",
        "aiokafka.conn:AIOKafkaConnection.close": "reason",
        "aiokafka.conn:AIOKafkaConnection.send": "request",
        "aiokafka.consumer.consumer:AIOKafkaConsumer.__init__": (
            "group_id group_instance_id heartbeat_interval_ms session_timeout_ms "
            "rebalance_timeout_ms max_poll_interval_ms partition_assignment_strategy"
        ),
        "aiokafka.consumer.consumer:AIOKafkaConsumer._wait_topics": "",
        "aiokafka.consumer.fetcher:Fetcher.__init__": (
            "client subscriptions key_deserializer value_deserializer fetch_min_bytes "
            "fetch_max_bytes fetch_max_wait_ms max_partition_fetch_bytes check_crcs "
            "fetcher_timeout retry_backoff_ms auto_offset_reset isolation_level client_rack"
        ),
        "aiokafka.consumer.group_coordinator:GroupCoordinator.__init__": (
            "client subscription group_id group_instance_id heartbeat_interval_ms "
            "session_timeout_ms retry_backoff_ms enable_auto_commit assignors "
            "exclude_internal_topics rebalance_timeout_ms max_poll_interval_ms"
        ),
        "aiokafka.consumer.group_coordinator:GroupCoordinator._stop_heartbeat_task": "",
        "aiokafka.consumer.group_coordinator:GroupCoordinator.check_errors": "",
        "aiokafka.consumer.group_coordinator:GroupCoordinator.coordinator_dead": "",
        "aiokafka.consumer.group_coordinator:GroupCoordinator.request_rejoin": "",
        "aiokafka.consumer.subscription_state:SubscriptionState.wait_for_assignment": "",
        "aiokafka.partitioner:murmur2": "data",
        "aiokafka.protocol.produce:ProduceRequest.__init__": (
            "transactional_id required_acks timeout topics"
        ),
        "aiokafka.protocol.transaction:InitProducerIdRequest.__init__": (
            "transactional_id transaction_timeout_ms"
        ),
        "aiokafka.record.default_records:DefaultRecordBatchBuilder.append": (
            "offset timestamp key value headers"
        ),
        "aiokafka.record.default_records:DefaultRecordBatchBuilder.build": "",
    },
    (
        "aiokafka.record.default_records:DefaultRecordBatchBuilder",
        "aiokafka.record.default_records:DefaultRecordBatch",
    ),
)


def check(*parts: Part) -> None:
    """Raise Mismatch, naming everything that is not as it was, unless nothing is."""
    complaints = [complaint for part in parts for complaint in complaints_about(part)]
    if complaints:
        raise Mismatch(complaints)


def complaints_about(part: Part) -> list[str]:
    """What of one library is not as it was when it was overridden."""
    try:
        version = metadata.version(part.distribution)
    except metadata.PackageNotFoundError:
        return [f"{part.distribution} {part.version} is not installed"]
    found = []
    if version != part.version:
        found.append(f"{part.distribution} is {version}, and {part.version} is needed")
    for name, wanted in part.overridden.items():
        has = _parameters(name)
        if has != wanted.split():
            found.append(f"{name} {_described(has)}, and ({wanted}) is overridden")
    for name, wanted in part.used.items():
        has = _parameters(name)
        if has is None or not set(wanted.split()) <= set(has):
            found.append(f"{name} {_described(has)}, and ({wanted}) is used")
    for name in part.compiled:
        owner = _member(name)
        if owner is None or inspect.isfunction(vars(owner).get("__init__")):
            found.append(f"{name} is not the compiled class")
    return found


def _described(parameters: list[str] | None) -> str:
    return "is missing" if parameters is None else f"takes ({' '.join(parameters)})"


def _parameters(name: str) -> list[str] | None:
    """The names of a function's parameters; None where there is no such function."""
    member = _member(name)
    return list(inspect.signature(member).parameters) if callable(member) else None


def _member(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        return None
    for step in path.split("."):
        found = getattr(found, step, None)
    return found
