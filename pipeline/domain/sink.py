"""The contract of a sink: a generator that yields requests and is sent responses (design §7).

A sink does no I/O and reads no clock, so a receiver with one call and one with three have one
shape, and all are tested without a network.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, Protocol

from msgspec import Struct, field

from pipeline.domain.notification import Notification


class Http(Struct, frozen=True, kw_only=True):
    """One HTTP request. Header values may hold secrets: the request is never logged."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Http({self.method}, {len(self.body)} bytes)"


class Response(Struct, frozen=True, kw_only=True):
    """What came back. `status` 0 means that no answer came; then `is_ambiguous` says whether
    the request may have been taken all the same, and `error` says what happened.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""
    is_ambiguous: bool = False

    def header(self, name: str) -> str:
        """A header by its lower-case name, "" where absent."""
        return self.headers.get(name, "")


class Delivered(Struct, frozen=True, kw_only=True):
    """The receiver took it; `ref` is what it calls it."""

    ref: str = ""
    status: int = 0


class Retry(Struct, frozen=True, kw_only=True):
    """Not now. `after_s` is what the receiver asked for, or 0: the backoff decides.

    `is_ambiguous`: it may have been taken all the same. `is_throttled`: the receiver limits
    our rate, which is no fault of its health.
    """

    why: str
    after_s: float = 0.0
    status: int = 0
    is_ambiguous: bool = False
    is_throttled: bool = False


class Refused(Struct, frozen=True, kw_only=True):
    """It will never take this one; `why` says whose fault it is."""

    why: str
    status: int = 0


Outcome = Delivered | Retry | Refused
Calls = Generator[Http, Response, Outcome]

SUMMARY_SIZE_MAX: Final = 1024


class Sink(Protocol):
    """One kind of receiver. `Config` is its part of topology.yaml: its schema and its docs.

    `has_idempotency` says whether a repeated call is harmless at the receiver.
    """

    @property
    def name(self) -> str:
        """The word used for it in topology.yaml."""
        ...

    @property
    def config_type(self) -> type[Any]:
        """The Struct of its settings; secrets in it are Secrets."""
        ...

    @property
    def has_idempotency(self) -> bool:
        """Whether the receiver itself recognises a repeated call."""
        ...

    def send(
        self, notification: Notification, config: Any, ref: str, key: str, now_ms: int
    ) -> Calls:
        """Yield requests, be sent responses, return the outcome.

        `ref` is what the receiver gave back for this incident before, `key` the dedup key
        `<installation>/<incident_id>`.
        """
        ...
