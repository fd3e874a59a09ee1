"""A trial of a receiver leaves nothing open behind it, and says what came back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from pipeline.app.trial import try_receiver
from pipeline.domain.errors import UsageError
from pipeline.domain.notification import Receipt
from pipeline.domain.secret import Secret
from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.topology.declared import Topology
from pipeline.topology.load import load
from pipeline.wire.client import Client

TEXT = """
receivers:
  on-call: {sink: pagerduty, routing_key: "env:KEY"}
routes: {receiver: on-call}
"""
NOW_MS = 1_700_000_000_000


@pytest.fixture
async def simulator() -> AsyncIterator[PagerDutySimulator]:
    simulator = PagerDutySimulator()
    await simulator.start()
    yield simulator
    await simulator.stop()


def topology() -> Topology:
    return load(TEXT, "topology.yaml", lambda _: Secret("0" * 32))


async def trial(url: str, name: str = "on-call") -> Receipt:
    client = Client()
    try:
        return await try_receiver(
            topology(), name, client=client, installation="abcd1234", now_ms=NOW_MS, events_url=url
        )
    finally:
        await client.close()


async def fault(simulator: PagerDutySimulator, kind: str, **more: object) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        body = {"faults": [{"kind": kind, "share": 1.0, **more}], "seed": 1}
        answer = await http.post(f"{simulator.url}/_sim/faults", json=body)
        assert answer.status_code == 200, answer.text


async def test_it_is_opened_and_resolved(simulator: PagerDutySimulator) -> None:
    receipt = await trial(simulator.url)
    assert (receipt.action, receipt.result, receipt.status_code) == ("resolve", "delivered", 202)
    assert receipt.is_test
    assert [event.effect for event in simulator.events] == ["triggered", "resolved"]
    assert all(event.dedup_key == receipt.ref for event in simulator.events)


async def test_what_is_refused_is_said_and_not_resolved(simulator: PagerDutySimulator) -> None:
    await fault(simulator, "status", status=400)
    receipt = await trial(simulator.url)
    assert (receipt.action, receipt.result, receipt.status_code) == ("trigger", "refused", 400)
    assert receipt.why


async def test_an_ambiguous_trigger_is_resolved_all_the_same(
    simulator: PagerDutySimulator,
) -> None:
    await fault(simulator, "reset_after_accept")
    receipt = await trial(simulator.url)
    assert (receipt.action, receipt.result) == ("trigger", "ambiguous")
    assert [event.effect for event in simulator.events] == ["triggered", "resolved"]


async def test_nobody_there_is_refused_with_the_reason(simulator: PagerDutySimulator) -> None:
    url = simulator.url
    await simulator.stop()
    receipt = await trial(url)
    assert receipt.result == "refused"
    assert receipt.status_code == 0
    assert receipt.why


async def test_a_receiver_that_is_not_declared(simulator: PagerDutySimulator) -> None:
    with pytest.raises(UsageError, match="on-call"):
        await trial(simulator.url, "nobody")
