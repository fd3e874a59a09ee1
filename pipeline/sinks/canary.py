"""The sink `canary`: takes everything and tells nobody, so that the way to it can be proved.

It is built in: only Tocsin's own receiver uses it, and topology.yaml cannot name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.notification import Notification
from pipeline.domain.sink import Calls, Delivered, Http

RECEIVER: Final = "tocsin-canary"
"""The receiver to which the canary's route leads; no other may be called so."""


class CanaryConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It has nothing to set."""


class CanarySink:
    """Delivered at once, without a request."""

    name = "canary"
    config_type: type[Any] = CanaryConfig
    has_idempotency = True

    def send(
        self, notification: Notification, config: Any, ref: str, key: str, now_ms: int
    ) -> Calls:
        """Yield nothing and say that it was delivered."""
        nothing: Iterator[Http] = iter(())
        yield from nothing
        return Delivered(ref=key)


SINK: Final = CanarySink()
