"""CallResult: what a delivery loop brought back; it enters `deliver` as an event of its own."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.sink import Delivered, Refused, Retry


class CallResult(Struct, frozen=True, kw_only=True, tag_field="kind", tag="call"):
    """The outcome of one attempt for the outbox entry under `key`.

    `attempt` is the attempt that it answers: a result of an earlier one is ignored.
    `took_ms` is measured by the loop, for people only.
    """

    key: str
    attempt: int
    delivered: Delivered | None = None
    retry: Retry | None = None
    refused: Refused | None = None
    took_ms: int = 0

    @property
    def outcome(self) -> Delivered | Retry | Refused:
        """The one outcome that is set; none set counts as a retry without an answer."""
        return self.delivered or self.retry or self.refused or Retry(why="no outcome")
