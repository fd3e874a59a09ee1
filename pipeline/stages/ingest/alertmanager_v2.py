"""Format `alertmanager-v2`: the body of `POST /api/v2/alerts`, as Prometheus sends it.

With Alertmanager's own rules (api/v2 of 0.25 to 0.34): an alert without a beginning begins now,
or at its end where that is past; one without an end ends after `resolve_timeout` unless it is
sent again; an end in the past means resolved; labels without a value are dropped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct, field

from pipeline.domain.deadletter import Rejected
from pipeline.domain.ids import fingerprint
from pipeline.stages.ingest.alertmanager import name_of
from pipeline.stages.ingest.config import IngestConfig
from pipeline.stages.ingest.draft import INSTANT_MAX_MS, Draft, Parsed
from pipeline.stages.ingest.instants import instant_ms
from pipeline.stages.ingest.members import members
from pipeline.stages.ingest.reasons import INVALID


class Postable(Struct, kw_only=True, rename="camel"):
    """One alert as the API takes it."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = field(default="", name="generatorURL")


_ONE: Final = msgspec.json.Decoder(Postable)
_MANY: Final = msgspec.json.Decoder(list[Postable])


def parse_v2(body: bytes, config: IngestConfig, now_ms: int) -> Parsed:
    """Read an array of alerts; the valid ones are kept, as Alertmanager does."""
    found = members(body, _ONE, _MANY, config.members_max)
    drafts: list[Draft] = []
    rejected = list(found.rejected)
    for index, alert in found.good:
        labels = {name: value for name, value in alert.labels.items() if value}
        fault = _fault(labels)
        if fault:
            path = f"[{index}].labels"
            rejected.append(Rejected(reason=INVALID, detail=fault, path=path, index=index))
        else:
            drafts.append(_draft_of(alert, labels, index, config, now_ms))
    return Parsed(drafts=tuple(drafts), rejected=tuple(rejected), array="")


def _fault(labels: dict[str, str]) -> str:
    if not labels:
        return "an alert needs at least one label that is not empty"
    return "a label has an empty name" if "" in labels else ""


def _draft_of(
    alert: Postable, labels: dict[str, str], index: int, config: IngestConfig, now_ms: int
) -> Draft:
    starts_at_ms, ends_at_ms = instant_ms(0, alert.starts_at), instant_ms(0, alert.ends_at)
    if not starts_at_ms:
        starts_at_ms = min(now_ms, ends_at_ms or now_ms)
    if not ends_at_ms:
        ends_at_ms = min(now_ms + config.resolve_timeout, INSTANT_MAX_MS)
    annotations = alert.annotations or {}
    if alert.generator_url:
        annotations = {"generator_url": alert.generator_url} | annotations
    return Draft(
        name=labels.get("alertname") or name_of(labels),
        status="firing" if ends_at_ms > now_ms else "resolved",
        source="prometheus",
        fingerprint=fingerprint(labels),
        severity=labels.get("severity", ""),
        starts_at_ms=starts_at_ms,
        ends_at_ms=ends_at_ms,
        labels=labels,
        annotations=annotations,
        index=index,
    )
