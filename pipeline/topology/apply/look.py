"""Look: what a cluster is now, as the same State that is wanted of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aiokafka import errors
from aiokafka.protocol.admin import DescribeConfigsRequest
from msgspec import Struct

from pipeline.topology.apply.connection import Connection, Options
from pipeline.topology.apply.control import Control, control_of
from pipeline.topology.apply.errors import refused
from pipeline.topology.apply.requests import TOPIC
from pipeline.topology.declared import Topology
from pipeline.topology.desired import State, Topic
from pipeline.topology.tree import member_of, parse, texts_of

_UNKNOWN_TOPIC: Final = errors.UnknownTopicOrPartitionError.errno


class Found(Struct, frozen=True, kw_only=True):
    """A cluster as it was found: the ids of its brokers, its state, its control topic."""

    brokers: tuple[int, ...]
    state: State
    control: Control


async def look(
    connection: Connection, options: Options, topology: Topology, wanted: State
) -> Found:
    """The cluster as far as a plan needs it: wanted topics, and those that were ours once.

    Raises ClusterError.
    """
    control = await control_of(connection, options, topology.app)
    asked = sorted(wanted.topics.keys() | control.owned)
    metadata = await connection.metadata(asked, "describing the topics")
    topics = {name: partitions for name, partitions in _described(metadata) if partitions}
    settings = await _settings_of(connection, topics, wanted)
    state = State(
        topics={
            name: Topic(
                partitions=len(partitions),
                replication=min(len(each[3]) for each in partitions),
                settings=settings.get(name, {}),
            )
            for name, partitions in topics.items()
        },
        owned=control.owned & topics.keys(),
        applied=control.applied if control.installation and control.text else "",
        scope=scope_of(control.text),
    )
    return Found(
        brokers=tuple(sorted(each[0] for each in metadata.brokers)), state=state, control=control
    )


def scope_of(text: str) -> tuple[str, ...]:
    """The scope that a topology.yaml declares, also one that would not lint any more."""
    root, _ = parse(text, "applied")
    stated = member_of(root, "scope")
    declared = texts_of(stated) if stated is not None and stated.value is not None else None
    return _DEFAULT_SCOPE if declared is None else declared


_DEFAULT_SCOPE: Final[tuple[str, ...]] = Topology(topics={}, agents={}, sections={}).scope


def _described(metadata: Any) -> Iterable[tuple[str, list[Any]]]:
    for code, name, _is_internal, partitions in metadata.topics:
        if code and code != _UNKNOWN_TOPIC and not partitions:
            raise refused(code, name, "describing the topics")
        yield name, partitions


async def _settings_of(
    connection: Connection, names: Iterable[str], wanted: State
) -> dict[str, dict[str, str]]:
    """The effective settings of topics, as far as they are ours to decide."""
    asked = [
        (TOPIC, name, sorted(wanted.topics[name].settings))
        for name in names
        if name in wanted.topics and wanted.topics[name].settings
    ]
    if not asked:
        return {}
    doing = "describing the topics' settings"
    response = await connection.ask(DescribeConfigsRequest(asked), doing)
    found: dict[str, dict[str, str]] = {}
    for code, text, _kind, name, entries in response.resources:
        if code:
            raise refused(code, f"{name}: {text or ''}", doing)
        found[name] = {entry[0]: entry[1] or "" for entry in entries}
    return found
