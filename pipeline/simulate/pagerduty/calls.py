"""The judge's book: every received call in order, and per dedup_key what the calls came to.

Two parts with two bounds. The **record** of single calls is a ring: at `calls_max` calls or
`payload_bytes_max` bytes of payload the oldest are forgotten and the count of the forgotten is
shown, so a reader knows that the record is no longer whole. The **tally** per key is what "paged
exactly once" is judged by and never forgets: at `keys_max` keys calls with new keys are refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

import msgspec

Effect = Literal[
    "triggered",  # a new alert and incident: somebody was paged
    "reopened",  # as triggered, for a key whose former alert was resolved: paged again
    "appended",  # a trigger on an open alert: one more log entry, nobody was paged
    "acknowledged",
    "resolved",
    "changed",  # a change event was taken
    "dropped",  # taken with 202 and without any effect, as PagerDuty does
    "refused",  # answered with an error; not taken
    "lost",  # the connection broke before anything was taken
    "read",  # REST, nothing changed
    "written",  # REST, something changed
]
CALLS_MAX: Final = 200_000
PAYLOAD_BYTES_MAX: Final = 256 * 1024 * 1024
KEYS_MAX: Final = 250_000
"""With an open incident for each of them the simulator takes about 1 GB."""
NO_BYTES: Final = msgspec.Raw(b"null")


class ReceivedCall(msgspec.Struct, frozen=True, gc=False):
    """One received call: what came, what it did, what was answered.

    `seq` counts from 1 and is the cursor of `GET /_sim/events?since=`. `routing_key` shows its
    last four characters only. `status_code` is None where no answer was sent.
    """

    seq: int
    at_ms: int
    api: Literal["events", "change", "rest"]
    routing_key: str
    dedup_key: str | None
    action: str
    effect: Effect
    status_code: int | None
    fault: str | None
    incident_id: str | None
    payload: msgspec.Raw
    contexts: msgspec.Raw


class KeyTally(msgspec.Struct):
    """What the calls for one (routing_key, dedup_key) came to, as counts of effects."""

    routing_key: str
    dedup_key: str
    calls: int = 0
    triggered: int = 0
    reopened: int = 0
    appended: int = 0
    acknowledged: int = 0
    resolved: int = 0
    dropped: int = 0
    refused: int = 0
    lost: int = 0

    def count(self, effect: Effect) -> None:
        """Add one call with this effect."""
        self.calls += 1
        setattr(self, effect, getattr(self, effect) + 1)


class CallBook:
    """The record and the tally; pure memory, times are handed in."""

    def __init__(
        self,
        calls_max: int = CALLS_MAX,
        payload_bytes_max: int = PAYLOAD_BYTES_MAX,
        keys_max: int = KEYS_MAX,
    ) -> None:
        self.calls_max = calls_max
        self.payload_bytes_max = payload_bytes_max
        self.keys_max = keys_max
        self.clear()

    def clear(self) -> None:
        """Forget everything, and count from 1 again."""
        self._calls: deque[ReceivedCall] = deque()
        self._tallies: dict[tuple[str, str], KeyTally] = {}
        self._payload_bytes = 0
        self.last_seq = 0
        self.totals: dict[str, int] = {}

    @property
    def forgotten(self) -> int:
        """How many of the oldest calls are no longer in the record."""
        return self.last_seq - len(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[ReceivedCall]:
        return iter(self._calls)

    def has_room_for(self, routing_key: str, dedup_key: str | None) -> bool:
        """Whether a call with this key can still be tallied; None stands for a key to be made."""
        return len(self._tallies) < self.keys_max or (routing_key, dedup_key) in self._tallies

    def add(self, call: ReceivedCall, routing_key: str) -> None:
        """Write one call down: `call.seq` is `last_seq + 1`; the tally needs the whole key."""
        self.last_seq = call.seq
        self._calls.append(call)
        self._payload_bytes += _size_bytes(call)
        while len(self._calls) > self.calls_max or (
            self._payload_bytes > self.payload_bytes_max and len(self._calls) > 1
        ):
            self._payload_bytes -= _size_bytes(self._calls.popleft())
        self.totals[call.effect] = self.totals.get(call.effect, 0) + 1
        if call.dedup_key is not None and self.has_room_for(routing_key, call.dedup_key):
            self._tally(routing_key, call.dedup_key).count(call.effect)

    def since(
        self, seq: int, limit: int, dedup_key: str | None = None, api: str | None = None
    ) -> list[ReceivedCall]:
        """At most `limit` remembered calls after the cursor `seq`, oldest first."""
        skip = max(0, seq - self.forgotten)
        chosen = (
            call
            for call in islice(self._calls, skip, None)
            if (dedup_key is None or call.dedup_key == dedup_key)
            and (api is None or call.api == api)
        )
        return list(islice(chosen, limit))

    def tallies(self, offset: int, limit: int, dedup_key: str | None = None) -> list[KeyTally]:
        """The tallies in order of each key's first call."""
        if dedup_key is None:
            return list(islice(self._tallies.values(), offset, offset + limit))
        chosen = (tally for tally in self._tallies.values() if tally.dedup_key == dedup_key)
        return list(islice(chosen, offset, offset + limit))

    @property
    def keys(self) -> int:
        """How many (routing_key, dedup_key) pairs were seen."""
        return len(self._tallies)

    def _tally(self, routing_key: str, dedup_key: str) -> KeyTally:
        key = (routing_key, dedup_key)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = KeyTally(redact(routing_key), dedup_key)
        return tally


def redact(routing_key: str) -> str:
    """The last four characters: enough to tell keys apart, too little to use one."""
    return f"…{routing_key[-4:]}" if len(routing_key) > 8 else "…" if routing_key else ""


def _size_bytes(call: ReceivedCall) -> int:
    return len(memoryview(call.payload)) + len(memoryview(call.contexts))
