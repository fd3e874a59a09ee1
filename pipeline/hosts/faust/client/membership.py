"""Membership: who is in a group and what it has committed, asked by somebody who is not in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from aiokafka.protocol.admin import DescribeGroupsRequest

from pipeline.hosts.faust.client import codes
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.errors import Late, Refused
from pipeline.hosts.faust.client.link import GROUP, Link
from pipeline.hosts.faust.client.offsets import stable_offsets

WITHIN_S: Final = 60.0
"""So long a coordinator may take: one that is loading, or whose offsets a transaction holds."""

_REQUEST_TIMEOUT_MS: Final = 10_000
_UNKNOWN_GROUP: Final = 69


class Standing(NamedTuple):
    """One group: how many members it has, and its committed offsets, which are decided."""

    members: int
    offsets: Mapping[Place, int]


async def standings(
    options: Mapping[str, Any], groups: Mapping[str, Iterable[Place]]
) -> dict[str, Standing]:
    """How each group stands; its offsets are asked for at the places that are given with it.

    Raises Late where a coordinator does not answer or a transaction hangs, Refused.
    """
    link = Link(options, _REQUEST_TIMEOUT_MS)
    try:
        async with asyncio.timeout(WITHIN_S):
            await link.start()
            return {name: await _standing(link, name, list(at)) for name, at in groups.items()}
    except TimeoutError:
        listed = ", ".join(groups)
        raise Late(f"the groups {listed} could not be asked within {WITHIN_S:g} s") from None
    finally:
        await link.stop()


async def _standing(link: Link, group: str, places: list[Place]) -> Standing:
    answer = await link.ask(
        GROUP,
        group,
        DescribeGroupsRequest([group]),
        lambda answer: (each[0] for each in answer.groups),
    )
    (code, _, _, _, _, members, *_) = answer.groups[0]
    if code and code != _UNKNOWN_GROUP:
        raise Refused(f"group {group}", codes.name(code))
    offsets = await stable_offsets(link.client, group, places, within_s=WITHIN_S)
    return Standing(len(members), {place: offset for place, (offset, _) in offsets.items()})
