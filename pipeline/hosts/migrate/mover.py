"""Mover: transactions of somebody who is in no group, and offsets that are passed over.

Offsets that it stages are refused while a group has members (TxnOffsetCommit without a
generation counts only where the group is empty), so no worker can begin before the migration ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.domain.errors import Busy
from pipeline.hosts.faust.client.coordinators import Member
from pipeline.hosts.faust.client.errors import Fatal, Fenced
from pipeline.hosts.faust.client.transactions import EpochProducer, Outgoing, Place
from pipeline.hosts.faust.points import reached

TRANSACTION_TIMEOUT_MS: Final = 60_000
NOBODY: Final = "tocsin-migrate"
"""An instance id that no worker has."""

PASSED_PIECE: Final = 50_000
"""Offsets that are passed over in one transaction."""


class Mover(EpochProducer):
    """Puts records, each piece as a whole or not at all."""

    async def put(
        self,
        records: Mapping[Place, Sequence[Outgoing]],
        offsets: Mapping[str, Mapping[Place, int]] | None = None,
    ) -> None:
        """Commit records, and by group what it reads next. Raises Busy where a group has members,
        and what `commit` raises.
        """
        wanted = offsets or {}
        await self.abort()
        until_s = asyncio.get_running_loop().time() + self._epoch_s_max
        try:
            async with asyncio.timeout_at(until_s):
                await self._append_all(records, wanted)
                for group, places in wanted.items():
                    await self._stage(group, places)
        except TimeoutError:
            raise self._breaks(self._late()) from None
        except Fatal as error:
            self._breaks(error)
            raise
        except Exception:
            await self.abort()
            raise
        await self._finish(until_s)

    async def pass_over(self, place: Place, count: int) -> None:
        """Let so many offsets of a partition go by: records that are aborted stand there."""
        while count > 0:
            piece = min(count, PASSED_PIECE)
            await self._append_all({place: [(None, None, [], 0)] * piece}, {})
            await self.abort()
            count -= piece + 1  # the marker takes one as well

    async def _append_all(
        self, records: Mapping[Place, Sequence[Outgoing]], groups: Mapping[str, object]
    ) -> None:
        batches = self._build(records)
        self._begin(batches)
        reached("begun")
        await self._add_partitions(batches)
        for group in groups:
            await self._add_offsets(group)
        self._check(await self._append(batches))
        reached("sent")

    async def _stage(self, group: str, places: Mapping[Place, int]) -> None:
        try:
            await self._stage_offsets(places, Member(group, -1, "", NOBODY))
        except Fenced as error:
            raise Busy(
                f"a worker is in the group {group}, or was there a moment ago: stop all workers on"
                f" the target and run this again ({error})"
            ) from error
