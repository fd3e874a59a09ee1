"""Outbox, loop and a receiver together: what is committed is called, what comes back is too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from pipeline.domain.call import CallResult
from pipeline.domain.notification import RESOLVE, TRIGGER
from pipeline.simulate.pagerduty.faults import Fault, FaultPlan
from pipeline.simulate.pagerduty.server import PagerDutySimulator, wall_ms
from pipeline.stages.send.config import Receiver
from pipeline.stages.send.tables import OUTBOX
from pipeline.wire.client import Client
from pipeline.wire.loop import DeliveryLoop
from tests.stages.send.given import SINKS, Delivery, pager, told
from tests.wait import wait_until_async
from tests.wire.server import always, serving

STEP_MS = 100
"""The outbox's clock runs about ten times as fast as ours while calls are under way, and jumps
to what is due next while none are."""


class Driven:
    """The host's part: perform what became calling, hand in what came back, let time pass."""

    def __init__(self, config: Receiver, client: Client) -> None:
        self.delivery = Delivery(config=config)
        self._brought: list[CallResult] = []
        self._begun: set[tuple[str, int]] = set()
        self._loop = DeliveryLoop(
            client, SINKS, self.delivery.receivers, "abcdefgh", self._brought.append
        )

    async def tell(self, action: str, sequence: int, incidents: list[str]) -> None:
        """Tell the receiver about each incident, and wait for all receipts."""
        self.delivery.tell(*(told(sequence, action, incident_id=i) for i in incidents))
        await wait_until_async(self._is_done, what=f"every {action} ends", deadline_s=60)

    def _is_done(self) -> bool:
        results, self._brought[:] = list(self._brought), []
        for result in results:
            self.delivery.chain.result(result)
        chain = self.delivery.chain
        if not chain.table(OUTBOX):
            return True
        is_idle = not self._loop.count and not self.delivery.calls()
        chain.advance(max(chain.task.next_due_ms - chain.now_ms, 1) if is_idle else STEP_MS)
        for entry in self.delivery.calls():
            call = (entry.notification.notification_id, entry.attempt)
            if call not in self._begun:
                self._begun.add(call)
                self._loop.start(entry)
        return False


@asynccontextmanager
async def driven(config: Receiver) -> AsyncIterator[Driven]:
    client = Client()
    try:
        yield Driven(config, client)
    finally:
        await client.close()


async def test_incidents_are_triggered_and_resolved_in_order() -> None:
    ids = [f"00000000000000aa.{n}" for n in range(20)]
    async with (
        serving(always(202)) as server,
        driven(pager(url=server.url, in_flight_max=4)) as host,
    ):
        await host.tell(TRIGGER, 1, ids)
        await host.tell(RESOLVE, 2, ids)
        called = [msgspec.json.decode(r.body) for r in server.requests]
        assert {c["event_action"] for c in called[:20]} == {"trigger"}
        assert sorted(c["dedup_key"] for c in called[20:]) == sorted(f"abcdefgh/{i}" for i in ids)
        assert len(called) == 40
        assert server.in_flight_max <= 4
        assert {result for _, result in host.delivery.receipts()} == {"delivered"}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_faulty_pagerduty_pages_once_and_knows_what_is_true(seed: int) -> None:
    faults = [
        Fault(kind="status", status=500, share=0.2),
        Fault(kind="status", status=429, share=0.1, retry_after_s=1),
        Fault(kind="reset_after_accept", share=0.2),
        Fault(kind="down", share=0.2),
    ]
    ids = [f"00000000000000aa.{n}" for n in range(40)]
    simulator = PagerDutySimulator()
    url = await simulator.start()
    try:
        simulator.desk.faults.set(FaultPlan(faults=faults, seed=seed), wall_ms())
        async with driven(pager(url=url, in_flight_max=10)) as host:
            await host.tell(TRIGGER, 1, ids)
            await host.tell(RESOLVE, 2, ids[:20])
            results = [result for _, result in host.delivery.receipts()]
        assert results == ["delivered"] * 60
        tallies = simulator.desk.book.tallies(0, 100)
        assert [(t.triggered, t.reopened) for t in tallies] == [(1, 0)] * 40
        resolved = {t.dedup_key for t in tallies if t.resolved}
        assert resolved == {f"abcdefgh/{i}" for i in ids[:20]}
        assert sum(t.lost + t.appended for t in tallies) > 0
    finally:
        await simulator.stop()
