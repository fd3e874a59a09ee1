"""Act: do the actions of a plan, one kind after the other, each so that it may be done again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka import errors
from aiokafka.protocol.admin import (
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteTopicsRequest,
)

from pipeline.topology.apply.connection import Connection
from pipeline.topology.apply.errors import ClusterError, refused
from pipeline.topology.apply.replicas import replicate
from pipeline.topology.apply.requests import IncrementalAlterConfigs
from pipeline.topology.desired import State, Topic
from pipeline.topology.plan import Action, Kind

TIMEOUT_MS: Final = 30_000
"""So long the cluster may take for one request, before it is refused."""

SETTLED_POLLS_MAX: Final = 240
POLL_S: Final = 0.25
"""A minute until every broker has to know of what was made."""

_NOT_THERE: Final = errors.UnknownTopicOrPartitionError.errno
_DONE_ALREADY: Final = {
    "create": errors.TopicAlreadyExistsError.errno,
    "partitions": errors.InvalidPartitionsError.errno,
    "destroy": _NOT_THERE,
}
"""What an action is answered that was done before it, by an apply that was interrupted."""


async def act(connection: Connection, wanted: State, actions: Sequence[Action]) -> None:
    """Do all but `publish`, in order, and wait until every broker knows. Raises ClusterError."""
    does: Mapping[Kind, Callable[[Connection, Mapping[str, Topic]], Any]] = {
        "create": _create,
        "replication": _replicate,
        "settings": _set,
        "partitions": _add_partitions,
    }
    for kind, do in does.items():
        topics = {each.topic: wanted.topics[each.topic] for each in actions if each.kind == kind}
        if topics:
            await do(connection, topics)
    gone = [each.topic for each in actions if each.kind == "destroy"]
    if gone:
        await _destroy(connection, gone)
    counts = {
        each.topic: wanted.topics[each.topic].partitions
        for each in actions
        if each.kind in ("create", "partitions")
    }
    await settled(connection, counts, gone)


async def settled(
    connection: Connection, counts: Mapping[str, int], gone: Sequence[str] = ()
) -> None:
    """Return when every broker says that these topics have so many partitions, each with a
    leader, and that those others are gone. Raises ClusterError after a minute.
    """
    asked = [*counts, *gone]
    late: list[str] = []
    for _ in range(SETTLED_POLLS_MAX if asked else 0):
        known = await connection.metadata([], "asking for its brokers")
        late = []
        for broker in known.brokers:
            found = await connection.metadata(asked, "waiting for the topics", broker[0])
            led = {
                name: sum(1 for each in partitions if each[2] >= 0)
                for _code, name, _is_internal, partitions in found.topics
            }
            late += [name for name, count in counts.items() if led.get(name, 0) < count]
            late += [name for name in gone if led.get(name, 0)]
        if not late:
            return
        await asyncio.sleep(POLL_S)
    if asked:
        raise ClusterError(
            f"{', '.join(sorted(set(late)))}: not every broker has taken this over yet; look at "
            "`tocsin topology plan` and apply again"
        )


async def _create(connection: Connection, topics: Mapping[str, Topic]) -> None:
    doing = "creating topics"
    rows: list[Any] = [
        (name, topic.partitions, topic.replication, [], list(topic.settings.items()))
        for name, topic in topics.items()
    ]
    request = CreateTopicsRequest(rows, TIMEOUT_MS, validate_only=False)
    response = await connection.ask(request, doing)
    _check(response.topic_errors, "create", doing)


async def _set(connection: Connection, topics: Mapping[str, Topic]) -> None:
    doing = "changing settings"
    request = IncrementalAlterConfigs({name: {**each.settings} for name, each in topics.items()})
    response = await connection.ask(request, doing)
    rows = [(name, code, text) for code, text, _kind, name in response.responses]
    _check(rows, "settings", doing)


async def _add_partitions(connection: Connection, topics: Mapping[str, Topic]) -> None:
    doing = "adding partitions"
    rows: list[Any] = [(name, (topic.partitions, None)) for name, topic in topics.items()]
    request = CreatePartitionsRequest(rows, TIMEOUT_MS, validate_only=False)
    response = await connection.ask(request, doing)
    _check(response.topic_errors, "partitions", doing)


async def _replicate(connection: Connection, topics: Mapping[str, Topic]) -> None:
    await replicate(connection, {name: topic.replication for name, topic in topics.items()})


async def _destroy(connection: Connection, topics: Sequence[str]) -> None:
    doing = "destroying topics"
    response = await connection.ask(DeleteTopicsRequest(list(topics), TIMEOUT_MS), doing)
    rows = [(name, code, "") for name, code in response.topic_error_codes]
    _check(rows, "destroy", doing)


def _check(rows: Sequence[tuple[str, int, str | None]], kind: Kind, doing: str) -> None:
    """Raises ClusterError for the first row that was refused, unless it was done already."""
    for name, code, text in rows:
        if code and code != _DONE_ALREADY.get(kind):
            raise refused(code, f"{name}: {text or ''}".rstrip(": "), doing)
