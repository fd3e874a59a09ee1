"""Deliveries: the calls of a worker that owns some of the outbox's partitions, and may lose them.

Kafka fences transactions, not HTTP: a call is made only while this worker is sure that its group
still counts it in, and what it has under way is broken off when partitions are given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline import registry
from pipeline.domain.call import CallResult
from pipeline.domain.wiring import Wiring
from pipeline.hosts.faust.worker import Worker
from pipeline.stages.send.config import CALL_DEADLINE_MS
from pipeline.stages.send.tables import CALLING, OUTBOX, Entry
from pipeline.wire.client import Client
from pipeline.wire.loop import DeliveryLoop

DEADLINE_S: Final = CALL_DEADLINE_MS / 1_000


class Deliveries:
    """One delivery loop per task of the outbox, made when it has something to call."""

    def __init__(
        self,
        worker: Worker,
        client: Client,
        wires: Wiring,
        count: Callable[[CallResult], None],
    ) -> None:
        self._worker = worker
        self._client = client
        self._wires = wires
        self._count = count
        self._loops: dict[str, DeliveryLoop] = {}
        self._cancelling: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        worker.watch(OUTBOX.name, self._committed)
        worker.on_revoked(self._revoked)

    async def stop(self, within_s: float) -> None:
        """Let calls under way end for so long, then break them off. What epochs commit meanwhile
        is not sent any more: it comes back at once, to be called by the next worker.
        """
        loops = list(self._loops.values())
        self._loops.clear()
        self._is_stopping = True
        await asyncio.gather(*(loop.idle(within_s) for loop in loops))
        await asyncio.gather(*(loop.cancel_all() for loop in loops))

    def _committed(self, task: str, rows: Mapping[str, Any]) -> None:
        """Perform the calls that a commit holds."""
        calls = [row for row in rows.values() if self._is_ours(row)]
        if calls:
            loop = self._loops.get(task) or self._new_loop(task)
            for entry in calls:
                loop.start(entry)

    def _is_ours(self, entry: Entry | None) -> bool:
        return entry is not None and entry.state == CALLING and entry.slot == self._wires.slot

    def _new_loop(self, task: str) -> DeliveryLoop:
        agent, is_open = task.rpartition("-")[0], not self._is_stopping

        def take_back(result: CallResult) -> None:
            self._count(result)
            self._worker.inject(task, result)

        self._loops[task] = loop = DeliveryLoop(
            self._client,
            self._wires.sinks or registry.sinks(),
            self._wires.sections["receivers"],
            self._wires.installation,
            take_back,
            may_call=lambda: is_open and self._worker.lease_s(agent) > DEADLINE_S,
        )
        return loop

    def _revoked(self, agent: str) -> None:
        """Break off the calls of the agent's tasks: whoever gets them next may repeat them."""
        for task in [task for task in self._loops if task.rpartition("-")[0] == agent]:
            cancelling = asyncio.get_running_loop().create_task(self._loops[task].cancel_all())
            self._cancelling.add(cancelling)
            cancelling.add_done_callback(self._cancelling.discard)
