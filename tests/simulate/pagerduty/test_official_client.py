"""PagerDuty's own Python client drives the simulator over TLS, in a thread as it is synchronous."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pagerduty
import pytest

from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.simulate.pagerduty.faults import Fault, FaultPlan
from tests.simulate.pagerduty.events import KEY, event


@pytest.fixture
async def simulator() -> AsyncIterator[PagerDutySimulator]:
    running = PagerDutySimulator()
    await running.start("localhost", tls=True)
    yield running
    await running.stop()


def trust(simulator: PagerDutySimulator) -> ssl.SSLContext:
    assert simulator.ca_file is not None
    return ssl.create_default_context(cafile=str(simulator.ca_file))


def use_events(
    simulator: PagerDutySimulator, work: Callable[[pagerduty.EventsApiV2Client], Any]
) -> Any:
    client = pagerduty.EventsApiV2Client(
        KEY, base_url=simulator.url, verify=trust(simulator), trust_env=False
    )
    client.sleep_timer = 0.01
    with client:
        return work(client)


def use_rest(
    simulator: PagerDutySimulator, work: Callable[[pagerduty.RestApiV2Client], Any]
) -> Any:
    client = pagerduty.RestApiV2Client(
        "token",
        default_from="ada@example.com",
        base_url=simulator.url,
        verify=trust(simulator),
        trust_env=False,
    )
    client.sleep_timer = 0.01
    with client:
        return work(client)


def effects(simulator: PagerDutySimulator) -> list[str]:
    return [call.effect for call in simulator.events]


async def test_the_life_of_an_alert(simulator: PagerDutySimulator) -> None:
    def work(client: pagerduty.EventsApiV2Client) -> str:
        key = client.trigger("disk full", "db-1", severity="error", custom_details={"free": "1 %"})
        client.trigger("disk full", "db-1", dedup_key=key)
        client.acknowledge(key)
        client.resolve(key)
        return str(key)

    key = await asyncio.to_thread(use_events, simulator, work)
    assert effects(simulator) == ["triggered", "appended", "acknowledged", "resolved"]
    assert {call.dedup_key for call in simulator.events} == {key}
    assert simulator.incidents[0].alerts[0].severity == "error"


async def test_a_change_event(simulator: PagerDutySimulator) -> None:
    def work(client: pagerduty.EventsApiV2Client) -> None:
        # Without a time of its own `submit` fails inside version 7.2.0 of the client.
        client.submit("deployed 1.2", "ci", timestamp="2026-01-01T00:00:00Z")

    await asyncio.to_thread(use_events, simulator, work)
    assert effects(simulator) == ["changed"]


async def test_the_client_gets_over_faults(simulator: PagerDutySimulator) -> None:
    plan = [Fault("status", status=429, count=2), Fault("status", status=500, count=1)]
    simulator.desk.faults.set(FaultPlan(plan), 0)
    key = await asyncio.to_thread(
        use_events, simulator, lambda client: client.trigger("disk full", "db-1", dedup_key="k")
    )
    assert key == "k"
    assert effects(simulator) == ["refused"] * 3 + ["triggered"]


async def test_a_refused_event_raises_in_the_client(simulator: PagerDutySimulator) -> None:
    def work(client: pagerduty.EventsApiV2Client) -> None:
        client.trigger("x" * 2000, "db-1", dedup_key="k")

    with pytest.raises(pagerduty.HttpError) as refused:
        await asyncio.to_thread(use_events, simulator, work)
    answer = refused.value.response
    assert answer is not None
    assert answer.status_code == 400
    assert "'payload.summary' is too long" in answer.text


def open_incidents(simulator: PagerDutySimulator, count: int) -> None:
    for number in range(count):
        body = json.dumps(event(dedup_key=f"k{number}")).encode()
        call = simulator.desk.read("events", body)
        simulator.desk.take("events", call, None, 1_800_000_000_000)


async def test_iter_all_walks_over_the_pages(simulator: PagerDutySimulator) -> None:
    open_incidents(simulator, 230)
    numbers = await asyncio.to_thread(
        use_rest,
        simulator,
        lambda client: [
            incident["incident_number"]
            for incident in client.iter_all(
                "incidents", params={"date_range": "all"}, page_size=100
            )
        ],
    )
    assert numbers == list(range(1, 231))


async def test_reading_and_writing(simulator: PagerDutySimulator) -> None:
    open_incidents(simulator, 2)

    def work(client: pagerduty.RestApiV2Client) -> None:
        incident = client.rget(f"incidents/{simulator.incidents[0].id}")
        update = {"type": "incident_reference", "status": "acknowledged"}
        assert client.rput(incident, json=update)["status"] == "acknowledged"
        client.rpost(f"incidents/{incident['id']}/notes", json={"content": "looking"})
        (entry,) = client.iter_incident_notes(incident["id"])
        assert entry["channel"]["summary"] == "looking"
        (note,) = client.rget(f"incidents/{incident['id']}/notes")
        assert note["content"] == "looking"
        both = [
            {"id": one.id, "type": "incident_reference", "status": "resolved"}
            for one in simulator.incidents
        ]
        assert len(client.rput("incidents", json=both)) == 2
        service = client.rget(incident["service"]["self"])
        client.rput(service, json={"type": "service", "name": "Billing"})
        for resource, text, attribute in (
            ("services", "Billing", "name"),
            ("users", "ben@example.com", "email"),
        ):
            found = client.find(resource, text, attribute=attribute)
            assert found is not None
            assert found[attribute] == text
        assert len(client.list_all("oncalls")) == 2
        kinds = [entry["type"] for entry in client.iter_all("log_entries")]
        assert kinds.count("trigger_log_entry") == 2

    await asyncio.to_thread(use_rest, simulator, work)
    assert [incident.status for incident in simulator.incidents] == ["resolved"] * 2


async def test_the_rest_rate_limit_is_got_over(simulator: PagerDutySimulator) -> None:
    plan = [Fault("status", api="rest", status=429, count=2, retry_after_s=1)]
    simulator.desk.faults.set(FaultPlan(plan), 0)
    users = await asyncio.to_thread(use_rest, simulator, lambda client: client.list_all("users"))
    assert len(users) == 4
    assert [call.status_code for call in simulator.events] == [429, 429, 200]
