"""The stage `ingest`: a record of `raw-alerts` becomes Alerts, and Rejected for what is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.domain.deadletter import Rejected
from pipeline.domain.ids import digest64
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import DEFAULT_TENANT, FORMAT, IDEMPOTENCY, Origin
from pipeline.domain.stage import Context, Event, TableSpec
from pipeline.domain.wiring import Wiring
from pipeline.stages.ingest.config import IngestConfig
from pipeline.stages.ingest.draft import Draft
from pipeline.stages.ingest.normalise import normalise
from pipeline.stages.ingest.parse import parse
from pipeline.stages.ingest.reasons import CUT_BY_SENDER, EMPTY, NO_TENANT, SKIPPED
from pipeline.stages.ingest.sniff import sniff

NAME: Final = "ingest"
REJECTED_MAX: Final = 10

WRITTEN_MS_MIN: Final = 1_000_000_000_000
"""2001: a record from before is one whose producer gave no time, or one in seconds."""

_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,99}").fullmatch
"""As topology.yaml takes them: of any other no person could ask anything."""


class Ingest:
    """Reads bytes in any known format; it keeps nothing and never wakes."""

    name: str = NAME
    accepts: tuple[type[Event], ...] = (RawAlert,)
    tables: tuple[TableSpec[Any], ...] = ()

    def __init__(self, config: IngestConfig) -> None:
        self._config = config

    def process(self, event: RawAlert, ctx: Context) -> None:
        """Forward each alert of a record, and each member that is refused."""
        origin = ctx.origin
        verdict = unfit(event, origin.tenant)
        if verdict is not None:
            ctx.forward(verdict)
            return
        headers = event.headers if FORMAT in event.headers else lower(event.headers)
        timestamp_ms = event.timestamp_ms or ctx.timestamp_ms
        if not WRITTEN_MS_MIN <= timestamp_ms <= ctx.now_ms + self._config.skew_max:
            timestamp_ms = 0  # a foreign producer's clock: the epoch's stands in
        format_name = headers.get(FORMAT) or sniff(event.value, headers)
        parsed = parse(event.value, format_name, headers, self._config, timestamp_ms or ctx.now_ms)
        key = headers.get(IDEMPOTENCY, "")
        is_alone = format_name == "native" and len(parsed.drafts) == 1
        size_bytes = len(event.value) if is_alone else 0
        for draft in parsed.drafts:
            ctx.forward(
                normalise(
                    draft,
                    alert_id=alert_id(draft, key, origin),
                    now_ms=ctx.now_ms,
                    timestamp_ms=timestamp_ms,
                    trace_id=origin.trace_id,
                    config=self._config,
                    size_bytes=size_bytes,
                )
            )
        if parsed.rejected:
            for verdict in few(parsed.rejected):
                ctx.forward(verdict)
        for what in parsed.skipped:
            ctx.reason(SKIPPED, what=what)
        if parsed.cut_by_sender:
            ctx.reason(CUT_BY_SENDER, count=parsed.cut_by_sender)

    def wake(self, key: str, ctx: Context) -> None:
        """Nothing here waits."""


def unfit(event: RawAlert, tenant: str) -> Rejected | None:
    """Why a record is refused before anyone looks for alerts in it, or None."""
    if tenant != DEFAULT_TENANT and not _TENANT(tenant):
        detail = f"the header `tenant` says {tenant[:100]!r}: give it at most 100 of a-z, 0-9 and -"
        return Rejected(reason=NO_TENANT, detail=detail)
    if not event.value:
        return Rejected(reason=EMPTY, detail="the record has no value, so it tells of no alert")
    return None


def lower(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Headers of a foreign producer, which may write `Content-Type`."""
    return {name.lower(): value for name, value in headers.items()} if headers else headers


def alert_id(draft: Draft, key: str, origin: Origin) -> str:
    """Name this one message: by its Idempotency-Key and its place in the batch, else by the key
    that its format brings, else by its position on `raw-alerts`.
    """
    if key:
        return f"k-{digest64(origin.tenant, key, str(draft.index))}"
    if draft.idempotency_key:
        return f"k-{digest64(origin.tenant, 'member', draft.idempotency_key)}"
    return f"o-{origin.topic}:{origin.partition}:{origin.offset}:{draft.index}"


def few(rejected: Sequence[Rejected]) -> list[Rejected]:
    """At most REJECTED_MAX verdicts on one record and one that counts the others: each becomes a
    dead letter with all the record's bytes, so one of them is enough to drive it again.
    """
    if len(rejected) <= REJECTED_MAX:
        return list(rejected)
    more = rejected[REJECTED_MAX:]
    paths = ", ".join(verdict.path for verdict in more[:REJECTED_MAX])
    detail = f"{len(more)} more members are refused, among them {paths}"
    return [*rejected[:REJECTED_MAX], Rejected(reason=more[0].reason, detail=detail)]


def build(wiring: Wiring) -> Ingest:
    """The stage with its section of topology.yaml, or with the defaults."""
    return Ingest(wiring.sections.get(NAME) or IngestConfig())
