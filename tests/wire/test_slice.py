"""Outbox, loop and a real server together: what is committed is called, what comes back is too."""

from __future__ import annotations

import msgspec

from pipeline.domain.call import CallResult
from pipeline.stages.send.tables import OUTBOX
from pipeline.wire.client import Client
from pipeline.wire.loop import DeliveryLoop
from tests.stages.send.given import SINKS, Delivery, pager, told
from tests.wait import wait_until_async
from tests.wire.server import always, serving


async def test_incidents_are_triggered_and_resolved_in_order() -> None:
    async with serving(always(202)) as server:
        delivery = Delivery(config=pager(url=server.url, in_flight_max=4))
        client = Client()
        brought: list[CallResult] = []
        loop = DeliveryLoop(client, SINKS, delivery.receivers, "abcdefgh", brought.append)
        begun: set[tuple[str, int]] = set()

        def go_on() -> bool:
            results, brought[:] = list(brought), []
            for result in results:
                delivery.chain.result(result)
            for entry in delivery.calls():
                call = (entry.notification.notification_id, entry.attempt)
                if call not in begun:
                    begun.add(call)
                    loop.start(entry)
            return not delivery.chain.table(OUTBOX)

        ids = [f"00000000000000aa.{n}" for n in range(20)]
        delivery.tell(*(told(1, "trigger", incident_id=i) for i in ids))
        await wait_until_async(go_on, what="all triggers are delivered")
        delivery.tell(*(told(2, "resolve", incident_id=i) for i in ids))
        await wait_until_async(go_on, what="all resolves are delivered")
        await client.close()
        called = [msgspec.json.decode(r.body) for r in server.requests]
        assert {c["event_action"] for c in called[:20]} == {"trigger"}
        assert sorted(c["dedup_key"] for c in called[20:]) == sorted(f"abcdefgh/{i}" for i in ids)
        assert len(called) == 40
        assert server.in_flight_max <= 4
        assert {result for _, result in delivery.receipts()} == {"delivered"}
