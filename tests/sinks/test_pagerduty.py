"""PagerDuty's fields, limits and answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from pipeline.domain.notification import Link
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Delivered, Refused, Response, Retry
from pipeline.sinks.pagerduty import BODY_SIZE_MAX, SINK, PagerDutyConfig
from tests.checks.sink import KEY, outcome_of, requests_of
from tests.real import ROOT
from tests.stages.send.given import ROUTING_KEY, rich, told

CONFIG = PagerDutyConfig(routing_key=Secret(ROUTING_KEY))
SCHEMA = ROOT.parent / "shared" / "pagerduty" / "events-v2.openapiv3.json"


def body_of(notification: Any, config: PagerDutyConfig = CONFIG) -> dict[str, Any]:
    (request,) = requests_of(SINK, config, notification, Response(status=202))
    body: dict[str, Any] = msgspec.json.decode(request.body)
    return body


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ("critical", "critical"),
        ("error", "error"),
        ("warning", "warning"),
        ("info", "info"),
        ("unknown", "error"),
        ("catastrophe", "error"),
    ],
)
def test_severity(severity: str, expected: str) -> None:
    assert body_of(rich("trigger", severity=severity))["payload"]["severity"] == expected


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_only_a_trigger_has_a_payload(action: str) -> None:
    assert body_of(rich(action)) == {
        "routing_key": ROUTING_KEY,
        "event_action": action,
        "dedup_key": KEY,
    }


def test_a_change_goes_to_its_own_path_and_has_no_dedup_key() -> None:
    (request,) = requests_of(SINK, CONFIG, rich("change"), Response(status=202))
    assert request.url == "https://events.pagerduty.com/v2/change/enqueue"
    assert set(msgspec.json.decode(request.body)) == {"routing_key", "payload", "links"}


@pytest.mark.parametrize("url", ["https://events.eu.pagerduty.com", "http://[::1]:0/base/"])
def test_another_events_server(url: str) -> None:
    config = PagerDutyConfig(routing_key=Secret(ROUTING_KEY), url=url)
    (request,) = requests_of(SINK, config, rich("trigger"), Response(status=202))
    assert request.url == url.rstrip("/") + "/v2/enqueue"


def test_source_and_summary_are_never_empty() -> None:
    payload = body_of(told(1, "trigger", title=" "))["payload"]
    assert (payload["source"], payload["summary"]) == ("tocsin", "00000000000000aa.1")
    assert body_of(rich("trigger", source=""))["payload"]["source"] == "db-1:9100"
    assert body_of(told(1, "trigger", service="pay"))["payload"]["source"] == "pay"


def test_a_summary_has_1024_characters() -> None:
    for size, expected in ((1024, 1024), (1025, 1024), (100_000, 1024)):
        summary = body_of(told(1, "trigger", title="ü" * size))["payload"]["summary"]
        assert len(summary) == expected
        assert summary.endswith("…") is (size > 1024)


def test_what_is_too_large_loses_its_details_first_and_says_so() -> None:
    large = rich("trigger", annotations={"log": "x" * BODY_SIZE_MAX})
    event = body_of(large)
    details = event["payload"]["custom_details"]
    assert "cut" in details["truncated"]
    assert "annotations" not in details
    assert details["incident"] == large.incident_id
    assert event["links"]
    links = tuple(Link(href="https://a.example/" + "x" * 2_000) for _ in range(300))
    event = body_of(rich("trigger", links=links))
    assert "links" not in event
    assert "cut" in event["payload"]["custom_details"]["truncated"]


def test_only_https_images_are_sent() -> None:
    event = body_of(rich("trigger"))
    assert event["images"] == [{"src": "https://graphs.example/disk.png", "alt": "Disk"}]
    assert event["links"] == [{"href": "https://run.example/disk", "text": "Runbook"}]


def test_client_url_names_the_incident() -> None:
    config = PagerDutyConfig(
        routing_key=Secret(ROUTING_KEY), client_url="https://tocsin.example/i/{incident_id}"
    )
    event = body_of(rich("trigger"), config)
    assert event["client_url"] == "https://tocsin.example/i/00000000000000aa.1"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(status=202), Delivered(ref=KEY, status=202)),
        (
            Response(
                status=400,
                body=b'{"status":"invalid event","message":"Event object is invalid",'
                b'"errors":["\'payload.severity\' is missing or blank","two"]}',
            ),
            Refused(
                why="PagerDuty refuses the event: 'payload.severity' is missing or blank; two",
                status=400,
            ),
        ),
        (
            Response(status=429, body=b"Request Limit Exceeded"),
            Retry(why="HTTP 429: Request Limit Exceeded", status=429, is_throttled=True),
        ),
        (
            Response(status=500, body=b" oh\n no "),
            Retry(why="HTTP 500: oh no", status=500, is_ambiguous=True),
        ),
        (
            Response(status=503, headers={"retry-after": "30"}),
            Retry(why="HTTP 503: no words", status=503, after_s=30),
        ),
        (Response(status=403), Retry(why="HTTP 403: no words", status=403)),
        (
            Response(status=0, error="reset", is_ambiguous=True),
            Retry(why="reset", is_ambiguous=True),
        ),
    ],
)
def test_answers(response: Response, expected: Any) -> None:
    assert outcome_of(SINK, CONFIG, rich("trigger"), response) == expected


@pytest.mark.parametrize("key", ["", "x" * 31, "x" * 33])
def test_a_wrong_routing_key_is_told_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="32 characters") as failed:
        PagerDutyConfig(routing_key=Secret(key))
    assert not key or key not in str(failed.value)


@pytest.mark.parametrize("url", ["", "events.pagerduty.com", "ftp://x", "https://"])
def test_a_wrong_url_is_told(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        PagerDutyConfig(routing_key=Secret(ROUTING_KEY), url=url)


@pytest.mark.skipif(not SCHEMA.exists(), reason="no ../shared/pagerduty beside the checkout")
# Of the other two it demands a payload, which PagerDuty's documentation says they need not have.
@pytest.mark.parametrize("action", ["trigger", "change"])
def test_bodies_fit_the_published_schema(action: str) -> None:
    published = msgspec.json.decode(SCHEMA.read_bytes())
    path = "/v2/change/enqueue" if action == "change" else "/v2/enqueue"
    found = [p for p in published["paths"] if p.endswith(path.removeprefix("/v2"))]
    content = published["paths"][found[0]]["post"]["requestBody"]["content"]["application/json"]
    schema = {**content["schema"], "components": published.get("components", {})}
    Draft202012Validator(schema).validate(body_of(rich(action)))
    assert found
