"""Where a call is taken: rules, faults and the judge's book meet, and an answer comes out.

Still without I/O: `take` says what to answer and whether the connection is to hang or break;
the HTTP face does it. A call is written into the book (and to `on_call`, the persistent log)
before it is answered, so whatever a client saw is in the log, also after a kill -9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import msgspec

from pipeline.simulate.pagerduty.calls import NO_BYTES, CallBook, Effect, ReceivedCall, redact
from pipeline.simulate.pagerduty.event_rules import Event, Refusal, check_change, check_event
from pipeline.simulate.pagerduty.faults import Fault, Faults
from pipeline.simulate.pagerduty.model import Applied, PagerDutyModel
from pipeline.simulate.pagerduty.records import Incident, LogEntry, Note
from pipeline.simulate.pagerduty.rest.errors import RestError
from pipeline.simulate.pagerduty.rest.incident_shapes import IncidentShapes
from pipeline.simulate.pagerduty.rest.routes import RestRequest, serve_rest
from pipeline.simulate.pagerduty.webhooks.book import WebhookBook
from pipeline.simulate.pagerduty.webhooks.events import draw_incident_event

ACTION_LENGTH_MAX: Final = 200
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

    def __init__(
        self,
        on_call: Callable[[ReceivedCall], None] | None = None,
        webhook_seed: bytes = b"",
    ) -> None:
        self.faults = Faults()
        self.book = CallBook()
        self.base_url = ""
        self._on_call = on_call
        self._webhook_seed = webhook_seed
        self._renew()

    def reset(self) -> None:
        """A fresh account, no subscriptions, an empty book; the faults stay as they are."""
        self.book.clear()
        self._renew()

    def _renew(self) -> None:
        self.model = PagerDutyModel()
        self.webhooks = WebhookBook(self._webhook_seed)
        self.model.incidents.announce = self._announce

    def read(self, api: EventsApi, body: bytes) -> Event | Refusal:
        """Judge the bytes of a call, before any fault and without any effect."""
        return check_event(body) if api == "events" else check_change(body)

    def take(
        self, api: EventsApi, call: Event | Refusal, fault: Fault | None, now_ms: int
    ) -> Answer:
        """Give the call its effect, write it down, and say what to answer."""
        kind = fault.kind if fault else None
        if fault is not None and kind == "down":
            self._note(api, call, Applied("lost"), now_ms, None, kind)
            return Answer(0, b"", then="reset")
        if fault is not None and kind in ("status", "rate_limit"):
            answer = _fault_answer(fault)
            self._note(api, call, Applied("refused"), now_ms, answer.status_code, kind)
            return answer
        if isinstance(call, Refusal):
            will_answer = kind != "reset_after_accept"
            status_code = call.status_code if will_answer else None
            self._note(api, call, Applied("refused"), now_ms, status_code, kind)
            answer = Answer(call.status_code, msgspec.json.encode(call.body()))
        else:
            answer = self._apply(api, call, kind, now_ms)
        return _bent(answer, fault)

    def take_rest(self, request: RestRequest, fault: Fault | None, now_ms: int) -> Answer:
        """The same for a REST call."""
        kind = fault.kind if fault else None
        if fault is not None and kind == "down":
            self._note_rest(request, "lost", None, now_ms, kind)
            return Answer(0, b"", then="reset")
        if fault is not None and kind in ("status", "rate_limit"):
            answer = _rest_fault_answer(fault)
            self._note_rest(request, "refused", answer.status_code, now_ms, kind)
            return answer
        reply = serve_rest(self.model, self.webhooks, request, now_ms)
        effect: Effect = "read" if request.method == "GET" else "written"
        if reply.status_code >= 400:
            effect = "refused"
        will_answer = kind != "reset_after_accept"
        self._note_rest(request, effect, reply.status_code if will_answer else None, now_ms, kind)
        body = b"" if reply.body is None else msgspec.json.encode(reply.body)
        return _bent(Answer(reply.status_code, body), fault)

    def _announce(
        self, event_type: str, incident: Incident, entry: LogEntry, note: Note | None
    ) -> None:
        wanted_by = self.webhooks.wanted_by(event_type, incident.service_id, entry.at_ms)
        if not wanted_by:
            return
        shapes = IncidentShapes(self.model.directory, self.base_url)
        event_id = self.model.ids.next("0", 25)
        body = draw_incident_event(event_id, event_type, incident, entry, note, shapes)
        for subscription in wanted_by:
            self.webhooks.queue(subscription, event_type, incident.id, body)

    def _note_rest(
        self,
        request: RestRequest,
        effect: Effect,
        status_code: int | None,
        now_ms: int,
        fault: str | None,
    ) -> None:
        call = ReceivedCall(
            self.book.last_seq + 1,
            now_ms,
            "rest",
            "",
            None,
            f"{request.method} {request.path}"[:ACTION_LENGTH_MAX],
            effect,
            status_code,
            fault,
            None,
            _json_or_null(request.body),
            NO_BYTES,
        )
        self.book.add(call, "")
        if self._on_call is not None:
            self._on_call(call)

    def _apply(self, api: EventsApi, event: Event, fault: str | None, now_ms: int) -> Answer:
        # What could not be tallied must not have an effect: the judge would not know of it.
        is_full = not self.book.has_room_for(event.routing_key, event.dedup_key)
        if api == "events" and is_full:
            applied = Applied("refused", is_full=True)
        else:
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
        applied: Applied,
        now_ms: int,
        status_code: int | None,
        fault: str | None,
    ) -> None:
        payload = contexts = NO_BYTES
        if isinstance(call, Event):
            payload = msgspec.Raw(call.payload) if call.payload else NO_BYTES
            contexts = msgspec.Raw(call.contexts) if call.contexts else NO_BYTES
        written = ReceivedCall(
            self.book.last_seq + 1,
            now_ms,
            api,
            redact(call.routing_key),
            applied.dedup_key or call.dedup_key,
            call.action,
            applied.effect,
            status_code,
            fault,
            applied.incident_id,
            payload,
            contexts,
        )
        self.book.add(written, call.routing_key)
        if self._on_call is not None:
            self._on_call(written)


def _bent(answer: Answer, fault: Fault | None) -> Answer:
    """What the faults that come after the effect make of an answer."""
    if fault is not None and fault.kind == "hang_after_accept":
        return answer._replace(then="hang", ms=fault.ms)
    if fault is not None and fault.kind == "reset_after_accept":
        return answer._replace(then="reset")
    return answer


def _json_or_null(body: bytes) -> msgspec.Raw:
    try:
        return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NO_BYTES


def _rest_fault_answer(fault: Fault) -> Answer:
    if fault.kind != "rate_limit" and fault.status != 429:
        error = RestError(fault.status, 2000, text="An internal error has occurred")
        return Answer(fault.status, msgspec.json.encode(error.body()), _retry_after(fault))
    reset_s = 60 if fault.retry_after_s is None else fault.retry_after_s
    headers: Headers = (
        (b"ratelimit-limit", str(fault.per_minute).encode()),
        (b"ratelimit-remaining", b"0"),
        (b"ratelimit-reset", f"{reset_s:g}".encode()),
    )
    return Answer(429, msgspec.json.encode(RestError(429, 2020).body()), headers)


def _retry_after(fault: Fault) -> Headers:
    if fault.retry_after_s is None:
        return ()
    return ((b"retry-after", f"{fault.retry_after_s:g}".encode()),)


def _fault_answer(fault: Fault) -> Answer:
    status_code = 429 if fault.kind == "rate_limit" else fault.status
    body = _THROTTLED if status_code == 429 else _BROKEN
    return Answer(status_code, body, _retry_after(fault))
