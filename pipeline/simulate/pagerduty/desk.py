"""Where a call is taken: rules, faults and the judge's book meet, and an answer comes out.

Still without I/O: `take` says what to answer and whether the connection is to hang or break;
the HTTP face does it. A call is written into the book (and to `on_call`, the persistent log)
before it is answered, so whatever a client saw is in the log, also after a kill -9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import msgspec

from pipeline.simulate.pagerduty.calls import NO_BYTES, CallBook, ReceivedCall, redact
from pipeline.simulate.pagerduty.event_rules import Event, Refusal, check_change, check_event
from pipeline.simulate.pagerduty.faults import Fault, Faults
from pipeline.simulate.pagerduty.model import Applied, PagerDutyModel

EventsApi = Literal["events", "change"]
Headers = tuple[tuple[bytes, bytes], ...]
_THROTTLED: Final = msgspec.json.encode(
    {
        "status": "throttle exceeded",
        "message": "Request Limit Exceeded",
        "errors": ["Too many requests for this routing key, please retry later"],
    }
)
_BROKEN: Final = msgspec.json.encode(
    {"status": "error", "message": "Internal Server Error", "errors": ["fault set by the user"]}
)
_FULL: Final = msgspec.json.encode(
    {
        "status": "error",
        "message": "The simulator is full",
        "errors": ["no room for another key; POST /_sim/reset empties it"],
    }
)


class Answer(NamedTuple):
    """What to do on the wire: send `status_code` and `body`, after a hang, or break instead.

    `then` is `answer`, `hang` (keep silent for `ms`, for ever if None) or `reset`.
    """

    status_code: int
    body: bytes
    headers: Headers = ()
    then: Literal["answer", "hang", "reset"] = "answer"
    ms: int | None = None


class Desk:
    """The simulator without its sockets: model, faults, book."""

    def __init__(self, on_call: Callable[[ReceivedCall], None] | None = None) -> None:
        self.faults = Faults()
        self.book = CallBook()
        self.model = PagerDutyModel()
        self._on_call = on_call

    def reset(self) -> None:
        """A fresh account and an empty book; the faults stay as they are."""
        announce = self.model.incidents.announce
        self.book.clear()
        self.model = PagerDutyModel()
        self.model.incidents.announce = announce

    def read(self, api: EventsApi, body: bytes) -> Event | Refusal:
        """Judge the bytes of a call, before any fault and without any effect."""
        return check_event(body) if api == "events" else check_change(body)

    def take(
        self, api: EventsApi, call: Event | Refusal, fault: Fault | None, now_ms: int
    ) -> Answer:
        """Give the call its effect, write it down, and say what to answer."""
        kind = fault.kind if fault else None
        if fault is not None and kind == "down":
            self._note(api, call, None, now_ms, None, kind)
            return Answer(0, b"", then="reset")
        if fault is not None and kind in ("status", "rate_limit"):
            answer = _fault_answer(fault)
            self._note(api, call, None, now_ms, answer.status_code, kind)
            return answer
        if isinstance(call, Refusal):
            self._note(api, call, None, now_ms, call.status_code, kind)
            answer = Answer(call.status_code, msgspec.json.encode(call.body()))
        else:
            answer = self._apply(api, call, kind, now_ms)
        if fault is None or kind == "slow":
            return answer
        then: Literal["hang", "reset"] = "hang" if kind == "hang_after_accept" else "reset"
        return answer._replace(then=then, ms=fault.ms)

    def _apply(self, api: EventsApi, event: Event, fault: str | None, now_ms: int) -> Answer:
        applied = self.model.apply(event, now_ms)
        status_code = 500 if applied.is_full else 202
        will_answer = fault != "reset_after_accept"
        self._note(api, event, applied, now_ms, status_code if will_answer else None, fault)
        if applied.is_full:
            return Answer(500, _FULL)
        if api == "change":
            return Answer(202, b'{"status":"success","message":"Change event processed"}')
        return Answer(
            202,
            msgspec.json.encode(
                {
                    "status": "success",
                    "message": "Event processed",
                    "dedup_key": applied.dedup_key,
                }
            ),
        )

    def _note(
        self,
        api: EventsApi,
        call: Event | Refusal,
        applied: Applied | None,
        now_ms: int,
        status_code: int | None,
        fault: str | None,
    ) -> None:
        payload = contexts = NO_BYTES
        if isinstance(call, Event):
            payload = msgspec.Raw(msgspec.json.encode(call.payload)) if call.payload else NO_BYTES
            contexts = (
                msgspec.Raw(msgspec.json.encode(call.contexts)) if call.contexts else NO_BYTES
            )
        written = ReceivedCall(
            self.book.last_seq + 1,
            now_ms,
            api,
            redact(call.routing_key),
            applied.dedup_key if applied and api == "events" else call.dedup_key,
            call.action,
            applied.effect if applied else "refused" if status_code else "lost",
            status_code,
            fault,
            applied.incident_id if applied else None,
            payload,
            contexts,
        )
        self.book.add(written, call.routing_key)
        if self._on_call is not None:
            self._on_call(written)


def _fault_answer(fault: Fault) -> Answer:
    status_code = 429 if fault.kind == "rate_limit" else fault.status
    headers: Headers = ((b"content-type", b"application/json"),)
    if fault.retry_after_s is not None:
        headers += ((b"retry-after", f"{fault.retry_after_s:g}".encode()),)
    return Answer(status_code, _THROTTLED if status_code == 429 else _BROKEN, headers)
