"""The one battery for every sink: a verdict for every answer, limits, and no secret anywhere."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.notification import ACTIONS, Notification
from pipeline.domain.sink import Delivered, Http, Outcome, Refused, Response, Retry, Sink
from pipeline.security.redaction import secrets_of

REQUESTS_MAX: Final = 8
BODY_SIZE_MAX: Final = 512_000
NOW_MS: Final = 1_700_000_010_000
KEY: Final = "abcdefgh/00000000000000aa.1"
STATUSES: Final = (0, *range(100, 600))


def requests_of(sink: Sink, config: Any, told: Notification, response: Response) -> list[Http]:
    """The requests of one attempt, each answered with the same response."""
    return _driven(sink, config, told, response)[0]


def outcome_of(sink: Sink, config: Any, told: Notification, response: Response) -> Outcome:
    """The outcome of one attempt, each request answered with the same response."""
    return _driven(sink, config, told, response)[1]


def _driven(
    sink: Sink, config: Any, told: Notification, response: Response
) -> tuple[list[Http], Outcome]:
    calls = sink.send(told, config, "", KEY, NOW_MS)
    seen: list[Http] = []
    try:
        seen.append(next(calls))
        while len(seen) <= REQUESTS_MAX:
            seen.append(calls.send(response))
    except StopIteration as stop:
        return seen, stop.value
    raise AssertionError(f"{sink.name} wants more than {REQUESTS_MAX} requests")


def check_same_notification_same_requests(sink: Sink, config: Any, told: Notification) -> None:
    """A repeated attempt is the same call, so the receiver can recognise it."""
    for action in ACTIONS:
        given = replace(told, action=action)
        first = requests_of(sink, config, given, Response(status=200))
        assert first == requests_of(sink, config, given, Response(status=200))
        assert first


def check_every_answer_gives_a_verdict(sink: Sink, config: Any, told: Notification) -> None:
    """No status and no body is without an outcome, and the kind of outcome fits the status."""
    for status in STATUSES:
        for body in (b"", b"{}", b'{"errors": 3}', b"\xff\xfe", b"<html>"):
            response = Response(status=status, body=body, headers={"retry-after": "17"})
            outcome = outcome_of(sink, config, told, response)
            if 200 <= status < 300:
                assert isinstance(outcome, Delivered), status
            elif status == 429:
                assert isinstance(outcome, Retry), status
                assert (outcome.is_throttled, outcome.after_s) == (True, 17.0)
            elif status == 0 or status >= 500:
                assert isinstance(outcome, Retry), status
            else:
                assert isinstance(outcome, Retry | Refused), status


def check_no_answer_is_as_ambiguous_as_the_wire_says(
    sink: Sink, config: Any, told: Notification
) -> None:
    """Only the wire knows whether a request without an answer may have arrived."""
    for is_ambiguous in (False, True):
        response = Response(status=0, error="gone", is_ambiguous=is_ambiguous)
        outcome = outcome_of(sink, config, told, response)
        assert isinstance(outcome, Retry)
        assert outcome.is_ambiguous is is_ambiguous


def check_odd_retry_after_is_survived(sink: Sink, config: Any, told: Notification) -> None:
    """What is no number of seconds counts as no wish."""
    for text in ("", "-1", "soon", "1e9", "٣", "9" * 400, "Fri, 31 Dec 1999 23:59:59 GMT"):
        response = Response(status=503, headers={"retry-after": text})
        outcome = outcome_of(sink, config, told, response)
        assert isinstance(outcome, Retry)
        assert outcome.after_s == 0.0, text


def check_size_and_unicode_are_survived(sink: Sink, config: Any, told: Notification) -> None:
    """However large and odd a notification is, it becomes valid UTF-8 within the limit."""
    odd = "🔔 \u202e\u05e9\u05dc\u05d5\x00 \ud800" * 15_000
    for action in ACTIONS:
        for given in (
            replace(told, action=action, title=odd, description=odd, source=odd, service=odd),
            replace(told, action=action, annotations={f"a{n}": odd for n in range(8)}),
            replace(told, action=action, title="", description="", source="", alerts=()),
            replace(told, action=action, starts_at_ms=2**62, created_at_ms=-5),
            replace(told, action=action, notification_id="1.2/équipe \ud800\r\n/3"),
        ):
            for request in requests_of(sink, config, given, Response(status=200)):
                assert all(
                    value.isascii() and value.isprintable() for value in request.headers.values()
                )
                assert len(request.body) <= BODY_SIZE_MAX
                assert request.body.decode("utf-8")


def check_secrets_stay_secret(sink: Sink, config: Any, told: Notification) -> None:
    """A secret is in what is sent and in nothing that a person or a log would see."""
    hidden = [secret.reveal() for secret in secrets_of(config)]
    assert hidden
    requests = requests_of(sink, config, told, Response(status=200))
    refused = outcome_of(sink, config, told, Response(status=400, body=b"no"))
    shown = f"{config!r} {config} {requests!r} {refused!r} {[r.url for r in requests]}"
    for text in hidden:
        assert text not in shown


def masked(body: bytes, config: Any) -> str:
    """A body for a golden file: no secret in it."""
    text = body.decode("utf-8")
    for secret in secrets_of(config):
        text = text.replace(secret.reveal(), "SECRET")
    return re.sub(r"v1,[A-Za-z0-9+/=]{40,}", "v1,SIGNATURE", text)


CHECKS: Final = (
    check_same_notification_same_requests,
    check_every_answer_gives_a_verdict,
    check_no_answer_is_as_ambiguous_as_the_wire_says,
    check_odd_retry_after_is_survived,
    check_size_and_unicode_are_survived,
    check_secrets_stay_secret,
)
