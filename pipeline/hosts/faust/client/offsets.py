"""Offsets: what a group has committed, once no open transaction can change it any more.

A new owner of a partition reads them here before it restores the partition's state. Each offset
carries the transactional id of its writer (rule 4), so that a writer who is gone can be fenced and
need not be waited for.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.client import AIOKafkaClient

from pipeline.hosts.faust.client import codes
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.client.coordinators import Coordinators
from pipeline.hosts.faust.client.errors import Late, Refused
from pipeline.hosts.faust.client.link import GROUP, Link, Patience
from pipeline.hosts.faust.client.requests import OFFSET_FETCH, Call, tagged

_REQUEST_TIMEOUT_MS: Final = 10_000
_TRANSACTION_TIMEOUT_MS: Final = 10_000
"""Of a transactional id that is taken only to be let go: its next holder sets its own."""
_FENCED_WITHIN_S: Final = 30.0


def offset_fetch(group: str, places: Iterable[Place], *, is_stable: bool) -> Call:
    """An OffsetFetch v7; `is_stable` waits for open transactions to decide."""
    topics: defaultdict[str, list[int]] = defaultdict(list)
    for topic, partition in sorted(places):
        topics[topic].append(partition)
    return OFFSET_FETCH(group, [tagged(*topic) for topic in topics.items()], is_stable)


def answered_offsets(answer: Any) -> tuple[dict[Place, tuple[int, str]], dict[Place, int]]:
    """Offsets with their metadata, and error codes; a place with neither was never committed."""
    offsets: dict[Place, tuple[int, str]] = {}
    errors: dict[Place, int] = {}
    for topic, partitions, _ in answer.topics:
        for partition, offset, _, metadata, code, _ in partitions:
            if code:
                errors[topic, partition] = code
            elif offset >= 0:
                offsets[topic, partition] = (offset, metadata or "")
    return offsets, errors


async def committed_offsets(
    client: AIOKafkaClient, group: str, places: Iterable[Place]
) -> dict[Place, tuple[int, str]]:
    """What is committed at this moment, with its writer; an open transaction may yet change it."""
    return await _fetched(client, group, list(places), is_stable=False, within_s=_FENCED_WITHIN_S)


async def stable_offsets(
    client: AIOKafkaClient, group: str, places: Iterable[Place], *, within_s: float = 60.0
) -> dict[Place, tuple[int, str]]:
    """What is committed, by place as (offset, writer), when that is decided.

    Waits for transactions that have staged an offset of these places; raises Late if one is still
    open after `within_s`. A place for which the group has no offset is left out.
    """
    return await _fetched(client, group, list(places), is_stable=True, within_s=within_s)


async def _fetched(
    client: AIOKafkaClient, group: str, places: list[Place], *, is_stable: bool, within_s: float
) -> dict[Place, tuple[int, str]]:
    if not places:
        return {}
    link = Link({}, _REQUEST_TIMEOUT_MS, client)
    undecided: Mapping[Place, int] = {}
    patience = Patience()
    try:
        async with asyncio.timeout(within_s):
            while True:
                answer = await link.ask(
                    GROUP,
                    group,
                    offset_fetch(group, places, is_stable=is_stable),
                    lambda answer: (answer.error_code, *answered_offsets(answer)[1].values()),
                )
                if answer.error_code:
                    raise Refused(f"group {group}", codes.name(answer.error_code))
                offsets, undecided = answered_offsets(answer)
                _raise_refusal(undecided)
                if not undecided:
                    return offsets
                await patience.wait()
    except TimeoutError:
        waiting = ", ".join(f"{topic}-{partition}" for topic, partition in sorted(undecided))
        raise Late(
            f"group {group}: offsets of {waiting or 'its coordinator'} were still undecided after "
            f"{within_s:g} s; a transaction hangs (kafka-transactions.sh find-hanging shows it)"
        ) from None


def _raise_refusal(errors: Mapping[Place, int]) -> None:
    for (topic, _), code in errors.items():
        if code != Code.UNSTABLE_OFFSET_COMMIT:
            raise Refused(topic, codes.name(code))


async def fence(options: Mapping[str, Any], transactional_id: str) -> None:
    """Take another's transactional id: its open transaction is aborted before this returns.

    Whoever holds the id and lives will be refused its next commit, so do it only to one who has
    left the group. Raises Late when no coordinator answers.
    """
    link = Link(options, _REQUEST_TIMEOUT_MS)
    try:
        async with asyncio.timeout(_FENCED_WITHIN_S):
            await link.start()
            taking = Coordinators(link, transactional_id, _TRANSACTION_TIMEOUT_MS, _FENCED_WITHIN_S)
            await taking.take_id()
    except TimeoutError:
        raise Late(
            f"{transactional_id}: could not be fenced within {_FENCED_WITHIN_S:g} s"
        ) from None
    finally:
        await link.stop()
