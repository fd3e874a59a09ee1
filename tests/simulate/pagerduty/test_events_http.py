"""The Events API over HTTP: answers, faults on the wire, the judge's window, the log."""

import asyncio
import contextlib
import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.simulate.pagerduty.event_rules import BODY_SIZE_BYTES_MAX
from pipeline.simulate.pagerduty.faults import FaultPlan
from tests.simulate.pagerduty.events import KEY, event
from tests.simulate.pagerduty.oracle import complaints
from tests.wait import wait_until_async


async def set_fault(client: httpx.AsyncClient, **fault: Any) -> None:
    answer = await client.post("/_sim/faults", json={"faults": [fault], "seed": 1})
    assert answer.status_code == 200, answer.text


async def effects(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/_sim/events")
    return [call["effect"] for call in answer.json()["events"]]


async def test_an_event_is_taken_and_written_down(client: httpx.AsyncClient) -> None:
    body = event(links=[{"href": "https://x.test"}])
    answer = await client.post("/v2/enqueue", json=body)
    assert answer.status_code == 202
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {
        "status": "success",
        "message": "Event processed",
        "dedup_key": "k1",
    }
    (call,) = (await client.get("/_sim/events")).json()["events"]
    assert call["at_ms"] > 1_600_000_000_000
    del call["at_ms"]
    assert call.pop("incident_id").startswith("Q")
    assert call == {
        "seq": 1,
        "api": "events",
        "routing_key": "…cdef",
        "dedup_key": "k1",
        "action": "trigger",
        "effect": "triggered",
        "status_code": 202,
        "fault": None,
        "payload": body["payload"],
        "contexts": {"links": [{"href": "https://x.test"}]},
    }


async def test_a_refusal_names_the_field_and_is_written_down(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v2/enqueue", json=event(routing_key="short"))
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        "Length of 'routing_key' is incorrect (should be 32 characters)"
    ]
    assert await effects(client) == ["refused"]


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    big = event(payload={"summary": "s", "source": "x" * BODY_SIZE_BYTES_MAX, "severity": "info"})
    assert (await client.post("/v2/enqueue", json=big)).status_code == 413
    assert (await client.post("/v2/enqueue", json=event())).status_code == 202


async def test_a_change_event_makes_no_incident(
    client: httpx.AsyncClient, simulator: PagerDutySimulator
) -> None:
    body = {"routing_key": KEY, "payload": {"summary": "deployed"}}
    answer = await client.post("/v2/change/enqueue", json=body)
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Change event processed"}
    assert await effects(client) == ["changed"]
    assert simulator.incidents == []


async def test_the_cursor_and_the_filter_of_the_record(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await client.post("/v2/enqueue", json=event(dedup_key=f"k{number % 2}"))
    page = (await client.get("/_sim/events", params={"limit": 2})).json()
    assert ([call["seq"] for call in page["events"]], page["more"]) == ([1, 2], True)
    rest = (await client.get("/_sim/events", params={"since": page["next"]})).json()
    assert ([call["seq"] for call in rest["events"]], rest["more"]) == ([3, 4, 5], False)
    assert rest["next"] == 5
    chosen = (await client.get("/_sim/events", params={"dedup_key": "k1"})).json()["events"]
    assert [call["seq"] for call in chosen] == [2, 4]
    assert (await client.get("/_sim/events", params={"since": "-1"})).status_code == 400
    least = (await client.get("/_sim/events", params={"limit": 0})).json()
    assert ([call["seq"] for call in least["events"]], least["next"]) == ([1], 1)


async def test_the_summary_counts_effective_transitions_apart_from_calls(
    client: httpx.AsyncClient,
) -> None:
    for action in ("trigger", "trigger", "acknowledge", "resolve", "resolve", "trigger"):
        await client.post("/v2/enqueue", json=event(action))
    summary = (await client.get("/_sim/summary")).json()
    (key,) = summary["keys"]
    assert key["routing_key"] == "…cdef"
    assert key["calls"] == 6
    assert key["effective_triggers"] == 2
    assert key["effective_acknowledges"] == 1
    assert key["effective_resolves"] == 1
    assert (key["appended"], key["dropped"], key["reopened"]) == (1, 1, 1)
    assert summary["incidents"] == {"opened": 2, "open": 1, "forgotten": 0}
    assert summary["keys_total"] == 1


async def test_reset_empties_account_and_record(client: httpx.AsyncClient) -> None:
    await client.post("/v2/enqueue", json=event())
    assert (await client.post("/_sim/reset")).status_code == 200
    assert await effects(client) == []
    await client.post("/v2/enqueue", json=event())
    assert await effects(client) == ["triggered"]


async def test_fault_status(client: httpx.AsyncClient) -> None:
    await set_fault(client, kind="status", status=503, retry_after_s=7, count=1)
    answer = await client.post("/v2/enqueue", json=event())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert (await client.post("/v2/enqueue", json=event())).status_code == 202
    assert await effects(client) == ["refused", "triggered"]
    shown = (await client.get("/_sim/faults")).json()
    assert shown["faults"][0]["hits"] == 1
    assert (await client.delete("/_sim/faults")).json()["faults"] == []


async def test_fault_rate_limit(client: httpx.AsyncClient) -> None:
    await set_fault(client, kind="rate_limit", per_minute=2)
    answers = [await client.post("/v2/enqueue", json=event()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert await effects(client) == ["triggered", "appended", "refused"]


async def test_fault_hang_after_accept_has_its_effect_at_once(client: httpx.AsyncClient) -> None:
    await set_fault(client, kind="hang_after_accept", ms=600_000)
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/v2/enqueue", json=event(), timeout=0.5)
    assert await effects(client) == ["triggered"]


async def test_fault_hang_after_accept_answers_late(client: httpx.AsyncClient) -> None:
    await set_fault(client, kind="hang_after_accept", ms=30)
    answer = await client.post("/v2/enqueue", json=event())
    assert answer.status_code == 202
    assert answer.elapsed.total_seconds() >= 0.03


async def test_fault_reset_after_accept_breaks_the_connection(client: httpx.AsyncClient) -> None:
    await set_fault(client, kind="reset_after_accept", count=1)
    with pytest.raises(httpx.ReadError):
        await client.post("/v2/enqueue", json=event())
    assert (await client.post("/v2/enqueue", json=event())).status_code == 202
    calls = (await client.get("/_sim/events")).json()["events"]
    assert [(c["effect"], c["status_code"], c["fault"]) for c in calls] == [
        ("triggered", None, "reset_after_accept"),
        ("appended", 202, None),
    ]


async def test_fault_down_has_no_effect(client: httpx.AsyncClient) -> None:
    await set_fault(client, kind="down", count=1)
    with pytest.raises(httpx.ReadError):
        await client.post("/v2/enqueue", json=event())
    await client.post("/v2/enqueue", json=event())
    assert await effects(client) == ["lost", "triggered"]


async def test_fault_slow_waits_before_the_effect(
    client: httpx.AsyncClient, simulator: PagerDutySimulator
) -> None:
    await set_fault(client, kind="slow", ms=400)
    call = asyncio.create_task(client.post("/v2/enqueue", json=event()))
    assert (await call).elapsed.total_seconds() >= 0.4
    assert simulator.events[-1].fault == "slow"
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/v2/enqueue", json=event("resolve"), timeout=0.2)
    await wait_until_async(lambda: len(simulator.events) == 2, what="the work is done all the same")
    assert simulator.events[-1].effect == "resolved"


async def test_five_per_cent_of_errors_cost_retries_and_no_second_page(
    client: httpx.AsyncClient,
) -> None:
    plan = [{"kind": kind, "share": 0.05} for kind in ("status", "reset_after_accept", "down")]
    await client.post("/_sim/faults", json={"faults": plan, "seed": 3})

    async def until_taken(body: dict[str, Any]) -> None:
        for _ in range(50):
            try:
                if (await client.post("/v2/enqueue", json=body)).status_code == 202:
                    return
            except httpx.TransportError:
                continue
        raise AssertionError("never taken")

    for number in range(100):
        for action in ("trigger", "resolve"):
            await until_taken(event(action, f"k{number}"))
    summary = (await client.get("/_sim/summary")).json()
    assert {key["effective_triggers"] for key in summary["keys"]} == {1}
    assert {key["effective_resolves"] for key in summary["keys"]} == {1}
    assert summary["effects"]["refused"] > 0
    assert summary["effects"]["lost"] > 0
    assert summary["received"] > 200


async def test_stop_breaks_a_call_that_hangs_for_ever() -> None:
    simulator = PagerDutySimulator()
    await simulator.start()
    async with httpx.AsyncClient(base_url=simulator.url, trust_env=False) as client:
        await set_fault(client, kind="hang_after_accept")
        call = asyncio.create_task(client.post("/v2/enqueue", json=event(), timeout=30))
        await wait_until_async(lambda: simulator.events, what="the call was received")
        await asyncio.wait_for(simulator.stop(), timeout=5)
        with pytest.raises(httpx.TransportError):
            await call


async def test_down_and_up_again_on_the_same_port_with_the_same_account(tmp_path: Path) -> None:
    simulator = PagerDutySimulator(log=tmp_path / "log")
    url = await simulator.start()
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await client.post("/v2/enqueue", json=event())
        await simulator.stop()
        with pytest.raises(httpx.ConnectError):
            await client.post("/v2/enqueue", json=event())
        assert await simulator.start(port=int(url.rpartition(":")[2])) == url
        await client.post("/v2/enqueue", json=event())
        assert await effects(client) == ["triggered", "appended"]
    await simulator.stop()
    assert len((tmp_path / "log").read_bytes().splitlines()) == 2


async def test_a_full_log_is_told_to_the_sender(tmp_path: Path) -> None:
    simulator = PagerDutySimulator(log=tmp_path / "log")
    await simulator.start()
    assert simulator._log is not None
    simulator._log.size_bytes_max = 300
    async with httpx.AsyncClient(base_url=simulator.url, trust_env=False) as client:
        answers = [await client.post("/v2/enqueue", json=event()) for _ in range(2)]
    await simulator.stop()
    assert [answer.status_code for answer in answers] == [202, 500]
    assert "use another file" in answers[1].json()["message"]


async def test_a_full_book_refuses_new_keys(
    client: httpx.AsyncClient, simulator: PagerDutySimulator
) -> None:
    simulator.desk.book.keys_max = 1
    keys = ("k1", "k2", None, "k1")
    answers = [await client.post("/v2/enqueue", json=event(dedup_key=key)) for key in keys]
    assert [answer.status_code for answer in answers] == [202, 500, 500, 202]
    assert "POST /_sim/reset" in answers[1].text
    assert await effects(client) == ["triggered", "refused", "refused", "appended"]


async def test_tls_with_a_certificate_of_its_own() -> None:
    simulator = PagerDutySimulator()
    url = await simulator.start(tls=True)
    assert url.startswith("https://127.0.0.1:")
    assert simulator.ca_file is not None
    trust = ssl.create_default_context(cafile=str(simulator.ca_file))
    async with httpx.AsyncClient(base_url=url, verify=trust, trust_env=False) as client:
        assert (await client.post("/v2/enqueue", json=event())).status_code == 202
        await set_fault(client, kind="reset_after_accept", count=1)
        with pytest.raises(httpx.TransportError):
            await client.post("/v2/enqueue", json=event())
        assert await effects(client) == ["triggered", "appended"]
    ca_file = simulator.ca_file
    await simulator.stop()
    assert not ca_file.exists()


async def test_the_log_holds_each_call_before_its_answer(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b'{"half a li')
    simulator = PagerDutySimulator(log=path)
    await simulator.start()
    async with httpx.AsyncClient(base_url=simulator.url, trust_env=False) as client:
        for action in ("trigger", "resolve"):
            await client.post("/v2/enqueue", json=event(action))
            last = json.loads(path.read_bytes().splitlines()[-1])
            assert last["action"] == action
    await simulator.stop()
    assert KEY not in path.read_text()
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)["effect"] for line in lines[1:]] == ["triggered", "resolved"]


async def test_an_unknown_path_of_the_window(client: httpx.AsyncClient) -> None:
    assert (await client.get("/_sim/nothing")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [("enqueue", event()), ("change/enqueue", {"routing_key": KEY, "payload": {"summary": "x"}})],
)
async def test_answers_have_the_published_shape(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await client.post(f"/v2/{path}", json=body)
    found = complaints("events-v2.openapiv3.json", f"post /{path}", 202, answer.json())
    assert found == []


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("kind", ["reset_after_accept", "down"])
async def test_a_broken_connection_ends_with_a_tcp_reset(kind: str, tls: bool) -> None:
    simulator = PagerDutySimulator()
    url = await simulator.start(tls=tls)
    context = ssl.create_default_context(cafile=str(simulator.ca_file)) if tls else None
    simulator.desk.faults.set(msgspec.convert({"faults": [{"kind": kind}]}, FaultPlan), 0)
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    body = json.dumps(event()).encode()
    head = f"POST /v2/enqueue HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
    await simulator.stop()
    assert [call.status_code for call in simulator.events] == [None]
