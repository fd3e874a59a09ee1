"""Replicas: ask a cluster for more or fewer copies of topics; it copies in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from pipeline.topology.apply.connection import Connection
from pipeline.topology.apply.errors import ClusterError, refused
from pipeline.topology.apply.requests import (
    AlterPartitionReassignments,
    ListPartitionReassignments,
)
from pipeline.topology.apply.spread import spread

TIMEOUT_MS: Final = 30_000
POLL_S: Final = 0.5
POLLS_MAX: Final = 120
"""A minute for what was ordered before."""

_DOING: Final = "changing the number of replicas"


async def replicate(connection: Connection, counts: Mapping[str, int]) -> None:
    """Ask for so many replicas of each topic. Raises ClusterError, also where replicas are still
    being copied after a minute.
    """
    await _quiet(connection, counts)
    found = await connection.metadata(list(counts), _DOING)
    brokers = sorted(each[0] for each in found.brokers)
    replicas = {
        name: spread({each[1]: list(each[3]) for each in partitions}, brokers, counts[name])
        for _code, name, _is_internal, partitions in found.topics
    }
    response = await connection.ask(AlterPartitionReassignments(replicas, TIMEOUT_MS), _DOING)
    if response.error_code:
        raise refused(response.error_code, response.error_message, _DOING)
    for name, partitions, _tags in response.responses:
        for partition, code, text, _partition_tags in partitions:
            if code:
                raise refused(code, f"{name} {partition}: {text or ''}", _DOING)


async def _quiet(connection: Connection, topics: Collection[str]) -> None:
    """Wait for what was ordered before: Kafka 4.3.1 never ends an order to take away a replica
    that a former one, still under way, was adding.
    """
    busy: list[str] = []
    for _ in range(POLLS_MAX):
        response = await connection.ask(ListPartitionReassignments(TIMEOUT_MS), _DOING)
        if response.error_code:
            raise refused(response.error_code, response.error_message, _DOING)
        busy = sorted(each[0] for each in response.topics or () if each[0] in topics)
        if not busy:
            return
        await asyncio.sleep(POLL_S)
    raise ClusterError(
        f"replicas are still being copied of {', '.join(busy)}: apply again when that is done"
    )
