"""What Events v2 takes and what it refuses, with the texts a sender gets."""

import json
from typing import Any

import pytest

from pipeline.simulate.pagerduty.event_rules import (
    BODY_SIZE_BYTES_MAX,
    Event,
    Refusal,
    check_change,
    check_event,
)
from tests.simulate.pagerduty.events import KEY, event, payload


def refusal(body: bytes) -> Refusal:
    verdict = check_event(body)
    assert isinstance(verdict, Refusal)
    return verdict


@pytest.mark.parametrize(
    "body",
    [
        event(),
        event(dedup_key=None),
        event(dedup_key=""),
        event(dedup_key="x" * 255),
        event("acknowledge"),
        event("resolve"),
        event("resolve", payload={"summary": ""}),
        event(payload=payload(summary="x" * 1024)),
        event(payload=payload(summary="é" * 1024)),
        event(payload=payload(custom_details={"free": "1 %", "deep": {"a": [1]}})),
        event(payload=payload(timestamp="2026-01-01T00:00:00Z", component="c", group="g")),
        event(links=[{"href": "https://x.test", "text": "t"}], images=[{"src": "https://x.test"}]),
        event(client="Tocsin", client_url="https://x.test", unknown_field=1),
    ],
)
def test_a_valid_event_is_taken(body: dict[str, Any]) -> None:
    verdict = check_event(json.dumps(body).encode())
    assert isinstance(verdict, Event)
    assert verdict.action == body["event_action"]
    assert verdict.dedup_key == (body.get("dedup_key") or None)


@pytest.mark.parametrize("severity", ["critical", "error", "warning", "info"])
def test_each_severity_is_taken(severity: str) -> None:
    body = event(payload=payload(severity=severity))
    assert isinstance(check_event(json.dumps(body).encode()), Event)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (event(routing_key=None), "'routing_key' is missing or blank"),
        (event(routing_key="  "), "'routing_key' is missing or blank"),
        (event(routing_key=7), "'routing_key' must be a string"),
        (
            event(routing_key=KEY[:-1]),
            "Length of 'routing_key' is incorrect (should be 32 characters)",
        ),
        (
            event(routing_key=KEY + "0"),
            "Length of 'routing_key' is incorrect (should be 32 characters)",
        ),
        (event(event_action=None), "'event_action' is missing or blank"),
        (
            event(event_action="Trigger"),
            (
                "'event_action' is invalid (must be one of the following: "
                "'trigger', 'acknowledge' or 'resolve')"
            ),
        ),
        (event(event_action=["trigger"]), "'event_action' is invalid"),
        (event("acknowledge", None), "'dedup_key' is missing or blank"),
        (event("resolve", ""), "'dedup_key' is missing or blank"),
        (event(dedup_key="x" * 256), "'dedup_key' is too long (maximum is 255 characters)"),
        ({**event(), "dedup_key": 5}, "'dedup_key' must be a string"),
        (event(payload=None), "'payload' is missing or blank"),
        (event(payload="text"), "'payload' is missing or blank"),
        (event(payload=payload(summary=None)), "'payload.summary' is missing or blank"),
        (event(payload=payload(summary=" ")), "'payload.summary' is missing or blank"),
        (event(payload=payload(summary=["x"])), "'payload.summary' must be a string"),
        (
            event(payload=payload(summary="x" * 1025)),
            "'payload.summary' is too long (maximum is 1024 characters)",
        ),
        (event(payload=payload(source=None)), "'payload.source' is missing or blank"),
        (event(payload=payload(source={"a": 1})), "'payload.source' must be a string"),
        (event(payload=payload(severity=None)), "'payload.severity' is missing or blank"),
        (
            event(payload=payload(severity="fatal")),
            (
                "'payload.severity' is invalid (must be one of the following: "
                "'critical', 'warning', 'error' or 'info')"
            ),
        ),
        (event(payload=payload(severity="Critical")), "'payload.severity' is invalid"),
        (
            event(payload=payload(custom_details="x")),
            "'payload.custom_details' must be an object",
        ),
        (event(payload=payload(group=4)), "'payload.group' must be a string"),
        (event(images=[{"href": "x"}]), "'images[0].src' is missing or blank"),
        (event(links=[{"href": "x"}, {}]), "'links[1].href' is missing or blank"),
        (event(links={"href": "x"}), "'links' must be an array"),
        (event(client=5), "'client' must be a string"),
    ],
)
def test_an_invalid_event_is_refused_with_its_reason(body: dict[str, Any], error: str) -> None:
    verdict = refusal(json.dumps(body).encode())
    assert verdict.status_code == 400
    assert verdict.body()["status"] == "invalid event"
    assert verdict.body()["message"] == "Event object is invalid"
    assert len(verdict.errors) == 1
    assert verdict.errors[0].startswith(error)


def test_all_complaints_come_at_once() -> None:
    body = {"routing_key": "short", "event_action": "trigger", "payload": {"severity": "x"}}
    assert len(refusal(json.dumps(body).encode()).errors) == 4


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"a":1,}', b"[" * 100_000])
def test_what_is_not_json_is_an_unrecognized_object(body: bytes) -> None:
    verdict = refusal(body)
    assert (verdict.status_code, verdict.status) == (400, "Unrecognized object")
    assert verdict.errors == ("JSON parse error",)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"3"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(body).status == "Unrecognized object"


def test_the_body_limit_is_exact() -> None:
    body = json.dumps(event()).encode()
    full = body + b" " * (BODY_SIZE_BYTES_MAX - len(body))
    assert isinstance(check_event(full), Event)
    assert refusal(full + b" ").status_code == 413


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"routing_key": KEY, "payload": {"summary": "deployed"}}, 0),
        (
            {"routing_key": KEY, "payload": {"summary": "d", "source": "ci", "custom_details": {}}},
            0,
        ),
        ({"routing_key": KEY, "payload": {"summary": "d"}, "links": [{"href": "x"}]}, 0),
        ({"routing_key": KEY}, 1),
        ({"routing_key": KEY, "payload": {}}, 1),
        ({"payload": {"summary": "d", "source": 5}}, 2),
    ],
)
def test_change_events(body: dict[str, Any], errors: int) -> None:
    verdict = check_change(json.dumps(body).encode())
    assert isinstance(verdict, Event) == (errors == 0)
    if isinstance(verdict, Refusal):
        assert len(verdict.errors) == errors
