"""The delivery loop: performs what the outbox committed, and brings back exactly one result each.

It drives a sink's generator: each yielded request is sent, its response is sent in, and what the
generator returns is the outcome. Whatever goes wrong, also in the sink, ends in one CallResult.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.call import CallResult
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Delivered, Outcome, Refused, Response, Retry, Sink
from pipeline.security.redaction import redact, secrets_of
from pipeline.stages.send.admission import UNDECLARED
from pipeline.stages.send.config import CALL_DEADLINE_MS, Receiver, sink_config
from pipeline.stages.send.tables import Entry, entry_key
from pipeline.wire.client import Client

CALLS_MAX: Final = 1_000
"""Calls under way at once over all receivers; further ones wait, within their own deadline."""

REQUESTS_MAX: Final = 8
"""Requests of one attempt; a sink that wants more is at fault."""

NO_LEASE: Final = "this worker may no longer call: another one takes over"
CANCELLED: Final = "the worker stops"
LATE: Final = f"no answer within {CALL_DEADLINE_MS // 1_000} s"
BUSY: Final = Retry(why=f"this worker has {CALLS_MAX} calls under way", is_throttled=True)
"""Its turn did not come within its deadline: that is no fault of the receiver."""


class _Target:
    """A receiver as the loop needs it: its sink and the sink's config."""

    def __init__(self, sink: Sink, receiver: Receiver) -> None:
        self.sink = sink
        self.config: Any = sink_config(receiver, sink.config_type)


class DeliveryLoop:
    """Calls receivers. `start` one entry per row that became `calling`, after its commit.

    `results` is called on the event loop, once per started entry. `may_call` is asked before
    each request: False where the lease of this worker has run out.
    """

    def __init__(
        self,
        client: Client,
        sinks: Mapping[str, Sink],
        receivers: Mapping[str, Receiver],
        installation: str,
        results: Callable[[CallResult], None],
        *,
        may_call: Callable[[], bool] = lambda: True,
    ) -> None:
        self._client = client
        self._targets = {
            name: _Target(sinks[receiver.sink], receiver)
            for name, receiver in receivers.items()
            if receiver.sink in sinks
        }
        # Of all receivers: two of them may lie behind one server, which may echo either.
        self._secrets: tuple[Secret, ...] = tuple(
            secret for target in self._targets.values() for secret in secrets_of(target.config)
        )
        self._installation = installation
        self._results = results
        self._may_call = may_call
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(CALLS_MAX)

    @property
    def count(self) -> int:
        """How many calls are under way."""
        return len(self._tasks)

    def start(self, entry: Entry) -> None:
        """Begin the call of an entry; must run on the event loop."""
        task = asyncio.get_running_loop().create_task(self._perform(entry))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, entry))

    async def cancel_all(self) -> None:
        """Break off every call; each still brings its result, ambiguous where it was sent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self, within_s: float) -> bool:
        """Wait until no call is under way; whether that was so in time."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within_s)
        return not self._tasks

    def _end(self, task: asyncio.Task[None], entry: Entry) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # before its first step: nothing was sent, and nothing reported
            self._results(self._result(entry, Retry(why=CANCELLED), 0))

    async def _perform(self, entry: Entry) -> None:
        clock = asyncio.get_running_loop().time
        begun_s = clock()
        call = _Call(self._client, self._may_call)
        outcome: Outcome
        try:
            async with asyncio.timeout(CALL_DEADLINE_MS / 1_000), self._slots:
                outcome = await self._drive(entry, call)
        except TimeoutError:
            outcome = Retry(why=LATE, is_ambiguous=call.is_sent) if call.is_begun else BUSY
        except asyncio.CancelledError:
            outcome = Retry(why=CANCELLED, is_ambiguous=call.is_sent)
        except Exception as error:  # noqa: BLE001  (a sink's mistake must not lose the entry)
            why = f"the sink failed: {type(error).__name__}: {error}"
            outcome = Retry(why=why, is_ambiguous=call.is_sent)
        took_ms = int((clock() - begun_s) * 1_000)
        self._results(self._result(entry, outcome, took_ms))

    async def _drive(self, entry: Entry, call: _Call) -> Outcome:
        target = self._targets.get(entry.notification.receiver)
        if target is None:
            return Retry(why=UNDECLARED)
        key = f"{self._installation}/{entry.notification.incident_id}"
        calls = target.sink.send(
            entry.notification, target.config, entry.ref, key, entry.started_at_ms
        )
        try:
            request = next(calls)
            for _ in range(REQUESTS_MAX):
                request = calls.send(await call.send(request))
        except StopIteration as stop:
            return _checked(stop.value)
        finally:
            calls.close()
        raise RuntimeError(f"it wants more than {REQUESTS_MAX} requests for one attempt")

    def _result(self, entry: Entry, outcome: Outcome, took_ms: int) -> CallResult:
        result = CallResult(key=entry_key(entry), attempt=entry.attempt, took_ms=took_ms)
        match outcome:
            case Delivered():
                return replace(result, delivered=outcome)
            case Refused():
                return replace(result, refused=_shown(outcome, self._secrets))
            case Retry():
                return replace(result, retry=_shown(outcome, self._secrets))


class _Call:
    """The requests of one attempt; `is_begun` once it had its turn, `is_sent` once one of its
    requests may have left.
    """

    def __init__(self, client: Client, may_call: Callable[[], bool]) -> None:
        self._client = client
        self._may_call = may_call
        self.is_begun = False
        self.is_sent = False

    async def send(self, request: Any) -> Response:
        """Send one request, if the lease still allows it."""
        self.is_begun = True
        if not self._may_call():
            return Response(status=0, error=NO_LEASE, is_ambiguous=self.is_sent)
        was_sent, self.is_sent = self.is_sent, True
        response = await self._client.call(request)
        if response.status == 0 and not response.is_ambiguous:
            self.is_sent = was_sent
        return response


def _checked(outcome: object) -> Outcome:
    if isinstance(outcome, Delivered | Retry | Refused):
        return outcome
    raise TypeError(f"it returned {type(outcome).__name__} instead of an outcome")


def _shown(outcome: Any, secrets: tuple[Secret, ...]) -> Any:
    return replace(outcome, why=redact(outcome.why, secrets))
