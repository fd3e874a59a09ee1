"""The signed webhook: body, signature, rotation, answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.domain.secret import Secret
from pipeline.domain.sink import Delivered, Refused, Response, Retry
from pipeline.security.webhooks import verify
from pipeline.sinks.webhook import BODY_SIZE_MAX, SINK, WebhookConfig
from tests.checks.sink import KEY, NOW_MS, outcome_of, requests_of
from tests.stages.send.given import SIGNING_SECRET, rich

NEXT_SECRET = "whsec_" + "bmV4dC1uZXh0LW5leHQtbmV4dC1uZXh0LW5leHQt"
URL = "https://hooks.example/in"


def config(**fields: Any) -> WebhookConfig:
    return WebhookConfig(**{"url": URL, "secret": Secret(SIGNING_SECRET), **fields})


def test_the_receiver_can_verify_it() -> None:
    (request,) = requests_of(SINK, config(), rich("trigger"), Response(status=200))
    now_s = NOW_MS // 1_000
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["webhook-id"] == rich("trigger").notification_id
    assert request.headers["webhook-timestamp"] == str(now_s)
    assert verify([Secret(SIGNING_SECRET)], request.headers, request.body, now_s)
    assert not verify([Secret(SIGNING_SECRET)], request.headers, request.body + b" ", now_s)


def test_both_secrets_sign_while_one_takes_the_place_of_the_other() -> None:
    both = config(secret_next=Secret(NEXT_SECRET))
    (request,) = requests_of(SINK, both, rich("trigger"), Response(status=200))
    for secret in (SIGNING_SECRET, NEXT_SECRET):
        assert verify([Secret(secret)], request.headers, request.body, NOW_MS // 1_000)


def test_the_body_names_the_incident_and_what_happened() -> None:
    (request,) = requests_of(SINK, config(), rich("resolve"), Response(status=200))
    body = msgspec.json.decode(request.body)
    assert body["type"] == "incident.resolve"
    assert body["timestamp"] == "2023-11-14T22:13:22.000+00:00"
    assert body["data"]["dedup_key"] == KEY
    assert body["data"]["details"]["alerts"][0]["name"] == "DiskFull"


def test_what_is_too_large_loses_its_details() -> None:
    large = rich("trigger", annotations={"log": "x" * BODY_SIZE_MAX})
    (request,) = requests_of(SINK, config(), large, Response(status=200))
    assert len(request.body) < BODY_SIZE_MAX
    assert "cut" in msgspec.json.decode(request.body)["data"]["details"]["truncated"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Delivered),
        (204, Delivered),
        (301, Retry),
        (307, Retry),
        (401, Retry),
        (404, Retry),
        (410, Refused),
        (413, Refused),
        (422, Refused),
        (429, Retry),
        (502, Retry),
    ],
)
def test_answers(status: int, kind: type) -> None:
    outcome = outcome_of(SINK, config(), rich("trigger"), Response(status=status))
    assert isinstance(outcome, kind)
    if 300 <= status < 400:
        assert "set the url" in getattr(outcome, "why", "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "file:///etc/passwd",
        "https://",
        "https://u:p@h/",
        "http://x/" + "y" * 2048,
    ],
)
def test_a_wrong_url_is_told(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        config(url=url)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "plain", "whsec_%%%" + "A" * 40]
)
def test_a_wrong_secret_is_told_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64") as failed:
        config(secret=Secret(secret))
    assert len(secret) < 8 or secret not in str(failed.value)
