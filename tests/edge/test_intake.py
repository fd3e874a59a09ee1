"""Alerts in by HTTP: durable before the answer, refused with the field's path, never lost."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.domain.errors import Busy
from pipeline.edge.limits import Limits
from tests.edge.world import Refusing, World, running
from tests.wait import wait_until_async

GOOD = {"name": "DiskFull", "status": "firing", "severity": "critical", "service": "db"}
GROUP = {
    "version": "4",
    "groupKey": "{}",
    "status": "firing",
    "receiver": "tocsin",
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://am",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighCPU", "severity": "warning"},
            "annotations": {},
            "startsAt": "2025-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": "712df969fd825932",
        }
    ],
}
NATIVE_PATH, V2_PATH, WEBHOOK_PATH = (
    "/api/v1/alerts",
    "/api/v2/alerts",
    "/api/v1/ingest/alertmanager",
)


async def test_an_alert_is_on_the_log_when_it_is_answered(world: World) -> None:
    answer = await world.client.post(NATIVE_PATH, json=GOOD)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["accepted"] == 1
    assert body["refused"] == []
    (record,) = world.records("raw-alerts")
    assert record.headers == {
        "tenant": "default",
        "format": "native",
        "trace": body["trace_id"],
    }
    assert json.loads(record.value or b"")["fingerprint"] == record.key


async def test_a_batch_becomes_one_record_per_alert_in_its_order(world: World) -> None:
    batch = [{**GOOD, "host": f"h{number}"} for number in range(100)]
    answer = await world.client.post(NATIVE_PATH, json=batch)
    assert answer.json()["accepted"] == 100
    hosts = [json.loads(record.value or b"")["host"] for record in world.records("raw-alerts")]
    assert hosts == [f"h{number}" for number in range(100)]
    assert len({record.key for record in world.records("raw-alerts")}) == 100


async def test_an_alert_pages_with_the_trace_of_its_request(world: World) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = await world.client.post(NATIVE_PATH, json=GOOD, headers=headers)
    assert answer.json()["trace_id"] == trace
    await wait_until_async(lambda: world.calls, what="a call")
    await wait_until_async(lambda: world.events("receipts"), what="a receipt")
    assert world.events("receipts")[0].trace_id == trace


async def test_a_repeated_post_with_its_key_is_harmless(world: World) -> None:
    for _ in range(2):
        answer = await world.client.post(
            NATIVE_PATH, json=[GOOD, GOOD], headers={"Idempotency-Key": "once"}
        )
        assert answer.status_code == 202
    await wait_until_async(lambda: len(world.events("alerts")) == 4, what="four alerts")
    assert len({alert.alert_id for alert in world.events("alerts")}) == 2


async def test_a_partly_good_batch_is_taken_and_its_rest_kept(world: World) -> None:
    batch = [GOOD, {"status": "firing"}, {**GOOD, "labels": {"a": 1}}, 7]
    answer = await world.client.post(NATIVE_PATH, json=batch)
    assert answer.status_code == 202
    body = answer.json()
    assert body["accepted"] == 1
    assert [(bad["index"], bad["path"]) for bad in body["refused"]] == [
        (1, "[1].name"),
        (2, "[2].labels[...]"),
        (3, "[3]"),
    ]
    assert all(bad["reason"] for bad in body["refused"])
    letters = world.events("dead-letters")
    assert [json.loads(letter.value) for letter in letters] == [[one] for one in batch[1:]]
    assert {letter.headers["format"] for letter in letters} == {"native"}
    assert {record.key for record in world.records("dead-letters")} == {"raw-alerts"}


NOTHING_GOOD: list[Any] = [
    (NATIVE_PATH, b"{", ""),
    (NATIVE_PATH, b"", ""),
    (NATIVE_PATH, b"\xff\xfe", ""),
    (NATIVE_PATH, b"3", ""),
    (NATIVE_PATH, b'{"status":"firing"}', "name"),
    (NATIVE_PATH, b'{"name":"a","status":"sideways"}', "status"),
    (NATIVE_PATH, b'{"name":"a","status":"firing","labels":[]}', "labels"),
    (NATIVE_PATH, b'[{"name":"a"}]', "[0].status"),
    (NATIVE_PATH, b"[" * 5000, ""),
]


async def test_a_body_without_anything_good_is_a_400_that_names_the_field(world: World) -> None:
    for path, body, where in NOTHING_GOOD:
        answer = await world.client.post(path, content=body)
        assert answer.status_code == 400, body
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == 400
        assert problem["errors"][0]["path"] == where, body
        assert problem["errors"][0]["reason"]
        assert world.records("raw-alerts") == []
        assert world.records("dead-letters") == []


async def test_an_empty_batch_is_no_mistake(world: World) -> None:
    answer = await world.client.post(NATIVE_PATH, json=[])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)


async def test_a_batch_over_the_limit_is_a_413_that_names_it(world: World) -> None:
    body = msgspec.json.encode([{"name": "a", "status": "firing"}] * 10_001)
    answer = await world.client.post(NATIVE_PATH, content=body)
    assert answer.status_code == 413
    assert answer.json()["limit_alerts"] == 10_000
    assert "10000" in answer.json()["detail"]


@pytest.mark.parametrize("is_stated", [True, False])
async def test_a_body_over_the_limit_is_a_413_that_names_it(world: World, is_stated: bool) -> None:
    body = b" " * (32 * 2**20 + 1)
    content: Any = body

    async def parts() -> Any:
        for start in range(0, len(body), 2**20):
            yield body[start : start + 2**20]

    answer = await world.client.post(NATIVE_PATH, content=content if is_stated else parts())
    assert answer.status_code == 413
    assert answer.json()["limit_bytes"] == 32 * 2**20
    assert (await world.client.post(NATIVE_PATH, json=GOOD)).status_code == 202


async def test_gzip_is_undone(world: World) -> None:
    headers = {"content-encoding": "gzip"}
    body = gzip.compress(json.dumps(GOOD).encode())
    answer = await world.client.post(NATIVE_PATH, content=body, headers=headers)
    assert answer.json()["accepted"] == 1
    for bad in (b"no gzip", body[:-12]):
        answer = await world.client.post(NATIVE_PATH, content=bad, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:tocsin:problem:not-gzip")
    answer = await world.client.post(NATIVE_PATH, content=body, headers={"content-encoding": "br"})
    assert answer.status_code == 415


async def test_a_gzip_bomb_is_not_unpacked(world: World) -> None:
    bomb = gzip.compress(b" " * (200 * 2**20), compresslevel=9)
    answer = await world.client.post(
        NATIVE_PATH, content=bomb, headers={"content-encoding": "gzip"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "error", [Busy("the disk is full: free some room", after_s=30), Busy("locked", after_s=2)]
)
@pytest.mark.parametrize("path", [NATIVE_PATH, V2_PATH, WEBHOOK_PATH])
async def test_a_log_that_takes_nothing_is_a_503(tmp_path: Path, error: Busy, path: str) -> None:
    async with running(tmp_path, appender=lambda _: Refusing(error)) as world:
        body: Any = GROUP if path == WEBHOOK_PATH else [{"labels": {"alertname": "a"}, **GOOD}]
        answer = await world.client.post(path, json=body)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == str(error.after_s)
        assert str(error) in answer.json()["detail"]
        assert (await world.client.get("/healthz")).status_code == 200


async def test_a_tenant_over_its_rate_is_told_when_to_come_again(tmp_path: Path) -> None:
    limits = Limits(alerts_per_s=1, alerts_burst=5)
    async with running(tmp_path, limits=limits) as world:
        assert (await world.client.post(NATIVE_PATH, json=[GOOD] * 10)).status_code == 202
        answer = await world.client.post(NATIVE_PATH, json=GOOD)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 6
        answer = await world.client.post(V2_PATH, json=[])
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1


async def test_more_requests_than_places_are_a_503(tmp_path: Path) -> None:
    async with running(tmp_path, limits=Limits(requests_max=0)) as world:
        answer = await world.client.post(NATIVE_PATH, json=GOOD)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await world.client.get("/healthz")).status_code == 200


async def test_more_bytes_than_fit_are_a_503(tmp_path: Path) -> None:
    async with running(tmp_path, limits=Limits(bodies_size_bytes_max=100)) as world:
        answer = await world.client.post(NATIVE_PATH, json=[GOOD] * 10)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert (await world.client.post(NATIVE_PATH, json=GOOD)).status_code == 202


async def test_fields_that_no_alert_has_are_named_in_the_answer(world: World) -> None:
    answer = await world.client.post(NATIVE_PATH, json={**GOOD, "sevrity": "info"})
    assert answer.status_code == 202
    (warning,) = answer.json()["warnings"]
    assert (warning["index"], warning["path"]) == (0, "sevrity")
    assert 'did you mean "severity"?' in warning["reason"]
    batch = [GOOD, {**GOOD, "x" * 200: 1}, {"hots": 1}, 7]
    answer = await world.client.post(NATIVE_PATH, json=batch)
    assert answer.json()["accepted"] == 2
    named = [(one["index"], one["path"]) for one in answer.json()["warnings"]]
    assert named == [(1, "[1]." + "x" * 100), (2, "[2].hots")]
    answer = await world.client.post(NATIVE_PATH, json=[{**GOOD, "a": 1, "b": 2}] * 50)
    assert len(answer.json()["warnings"]) == 20
    answer = await world.client.post(NATIVE_PATH, json=[GOOD])
    assert "warnings" not in answer.json()


@pytest.mark.parametrize("path", [NATIVE_PATH, WEBHOOK_PATH, "/api/v1/ingest/cloudevents"])
async def test_an_empty_body_is_said_to_be_empty(world: World, path: str) -> None:
    answer = await world.client.post(path, content=b" ")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "the body is empty: send a JSON object or array"


async def test_an_alert_too_large_for_a_record_is_cut_at_once(world: World) -> None:
    answer = await world.client.post(NATIVE_PATH, json={**GOOD, "description": "x" * 600_000})
    assert answer.status_code == 202, answer.text
    (record,) = world.records("raw-alerts")
    draft = json.loads(record.value or b"")
    assert "truncated" in draft["tags"]
    assert len(record.value or b"") < 500_000
