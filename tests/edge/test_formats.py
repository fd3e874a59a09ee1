"""What other programs already send, unchanged: Alertmanager, Prometheus, CloudEvents, and more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.edge.limits import Limits
from tests.edge.world import World, running
from tests.real import shared
from tests.wait import wait_until_async

V2 = [
    {
        "labels": {"alertname": "HighCPU", "severity": "critical", "instance": "a:9100"},
        "annotations": {"summary": "CPU above 90%"},
        "startsAt": "2025-01-01T00:00:00.123456789Z",
        "generatorURL": "http://prom/graph?g0",
    }
]
GROUP = {
    "version": "4",
    "groupKey": '{}:{alertname="HighCPU"}',
    "status": "firing",
    "receiver": "all",
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://am",
    "truncatedAlerts": 0,
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
V2_PATH, WEBHOOK_PATH = "/api/v2/alerts", "/api/v1/ingest/alertmanager"


def drafts(world: World) -> list[dict[str, Any]]:
    """What stands on raw-alerts, by us."""
    return [json.loads(record.value or b"") for record in world.records("raw-alerts")]


async def test_the_webhook_keeps_alertmanagers_fingerprint(world: World) -> None:
    answer = await world.client.post(WEBHOOK_PATH, json=GROUP)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (record,) = world.records("raw-alerts")
    assert record.key == "712df969fd825932"
    assert record.headers["source"] == "alertmanager"


@pytest.mark.parametrize("version", ["0.25", "0.33.1"])
async def test_captured_webhooks_are_accepted_as_they_are(world: World, version: str) -> None:
    text = shared(f"samples/alertmanager_{version}_captured.jsonl").read_text(encoding="utf-8")
    captured = [json.loads(line) for line in text.splitlines()]
    groups = [one["body"] for one in captured if "alerts" in one["body"]]
    assert groups
    count = 0
    for group in groups:
        answer = await world.client.post(WEBHOOK_PATH, json=group)
        assert answer.status_code == 202
        assert answer.json()["refused"] == []
        count += len(group["alerts"])
    keys = [record.key for record in world.records("raw-alerts")]
    assert keys == [alert["fingerprint"] for group in groups for alert in group["alerts"]]
    assert len(keys) == count


async def test_prometheus_may_take_us_for_its_alertmanager(world: World) -> None:
    answer = await world.client.post(V2_PATH, json=V2)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    status = (await world.client.get("/api/v2/status")).json()
    assert status["cluster"]["status"] == "disabled"
    assert status["versionInfo"]["version"]
    assert status["uptime"].endswith("Z")
    for path in ("/-/healthy", "/-/ready"):
        assert (await world.client.get(path)).text == "OK"
    await wait_until_async(lambda: world.calls, what="a page")


async def test_a_refused_member_keeps_the_group_around_it(world: World) -> None:
    bad = {**GROUP["alerts"][0], "labels": {"a": 1}}  # type: ignore[index]
    answer = await world.client.post(
        WEBHOOK_PATH,
        json={**GROUP, "alerts": [*GROUP["alerts"], bad]},  # type: ignore[misc]
    )
    assert answer.status_code == 202
    assert answer.json()["refused"][0]["index"] == 1
    (letter,) = world.events("dead-letters")
    assert letter.headers["format"] == "alertmanager"
    assert json.loads(letter.value) == {**GROUP, "alerts": [bad]}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (
            {
                "ce-specversion": "1.0",
                "ce-id": "1",
                "ce-source": "/ci",
                "ce-type": "alert.firing",
                "content-type": "application/json",
            },
            {"name": "a", "status": "firing"},
        ),
        (
            {"content-type": "application/cloudevents+json"},
            {
                "specversion": "1.0",
                "id": "1",
                "source": "/ci",
                "type": "alert.firing",
                "data": {"name": "a", "status": "firing"},
            },
        ),
        (
            {"content-type": "application/cloudevents-batch+json"},
            [
                {
                    "specversion": "1.0",
                    "id": "1",
                    "source": "/ci",
                    "type": "alert.firing",
                    "data": {"name": "a", "status": "firing"},
                }
            ],
        ),
    ],
    ids=["binary", "structured", "batch"],
)
async def test_cloudevents_in_each_mode(world: World, headers: dict[str, str], body: Any) -> None:
    answer = await world.client.post(
        "/api/v1/ingest/cloudevents", content=json.dumps(body), headers=headers
    )
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert drafts(world)[0]["name"] == "a"


async def test_a_generic_source_is_read_as_declared(world: World) -> None:
    body = {
        "items": [
            {"title": "Down", "state": "open", "team": "web"},
            {"title": "", "state": "open"},
            {"state": "open"},
        ]
    }
    answer = await world.client.post("/api/v1/ingest/plain", json=body)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert drafts(world)[0]["labels"] == {"team": "web"}
    (letter,) = world.events("dead-letters")
    assert json.loads(letter.value) == body
    assert letter.index == -1


async def test_an_unknown_source_is_a_404_that_names_the_known(world: World) -> None:
    answer = await world.client.post("/api/v1/ingest/nobody", json={})
    assert answer.status_code == 404
    assert "plain" in answer.json()["detail"]


@pytest.mark.parametrize("path", [V2_PATH, WEBHOOK_PATH])
@pytest.mark.parametrize("fault", ["body", "batch", "rate"])
async def test_senders_that_drop_a_4xx_get_a_503_and_we_an_alert(
    tmp_path: Path, path: str, fault: str
) -> None:
    limits = Limits(alerts_per_s=1, alerts_burst=0 if fault == "rate" else 10_000)
    alert = msgspec.json.encode(V2[0] if path == V2_PATH else GROUP["alerts"][0])  # type: ignore[index]
    count = 10_001 if fault == "batch" else 1
    body = b"[" + b",".join([alert] * count) + b"]"
    if path == WEBHOOK_PATH:
        body = msgspec.json.encode({**GROUP, "alerts": msgspec.Raw(body)})
    if fault == "body":
        body += b" " * (32 * 2**20)
    async with running(tmp_path, limits=limits) as world:
        for _ in range(2):
            answer = await world.client.post(path, content=body)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
        await wait_until_async(lambda: world.records("raw-alerts"), what="an alert about it")
        (draft,) = drafts(world)
        assert draft["name"] == "TocsinRefusedAlerts"
        assert draft["labels"]["path"] == path
        assert draft["ends_at_ms"] > draft["starts_at_ms"]


@pytest.mark.parametrize("path", [V2_PATH, WEBHOOK_PATH])
async def test_what_is_no_alert_is_a_400_also_there(world: World, path: str) -> None:
    for body in (b"{", b"3", b'{"alerts":[{}]}', b"[{}]"):
        answer = await world.client.post(path, content=body)
        assert answer.status_code == 400, body
        assert answer.json()["errors"], body
    assert drafts(world) == []
