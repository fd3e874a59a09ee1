"""On three brokers: replicas are added and taken away, and every broker knows before it returns."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.simulate.kafka import Quorum
from pipeline.topology.apply import ClusterError, apply, prospect
from pipeline.topology.apply.connection import connected
from tests.kafka import require_kafka
from tests.topology.worlds import loaded

TEXT = "app: shop\ndefaults: {partitions: 3, replication: 3}\nroutes: {receiver: none}\n"
DEADLINE_S = 60.0


async def settle(options: dict[str, Any], replication: int) -> None:
    """Plan and apply so many replicas, and poll until the cluster has come to it.

    What two brokers say may differ for a moment; then apply asks for another plan.
    """
    topology = loaded(TEXT)
    give_up_at = time.monotonic() + DEADLINE_S
    while left := (await prospect(options, topology, replication=replication)).actions:
        assert time.monotonic() < give_up_at, left
        with suppress(ClusterError):
            await apply(options, topology, TEXT, left, replication=replication)


async def test_replicas_come_and_go(tmp_path: Path) -> None:
    require_kafka()
    async with Quorum(tmp_path) as quorum:
        options = {"bootstrap_servers": quorum.bootstrap}
        await settle(options, 1)
        async with connected(options) as connection:
            for node in (1, 2, 3):
                found = await connection.metadata(["alerts"], "asking each", node)
                assert len(found.topics[0][-1]) == 3
        kinds = {each.kind for each in (await prospect(options, loaded(TEXT))).actions}
        assert kinds == {"replication", "settings"}
        await settle(options, 0)
        await settle(options, 2)
        await asyncio.to_thread(quorum.nodes[3].kill)
        assert not (await prospect(options, loaded(TEXT), replication=2)).actions
