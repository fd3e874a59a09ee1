"""Normalising: from a Draft, in its sender's words, to the Alert that everything decides on."""

from __future__ import annotations

from typing import Final

from pipeline.domain.alert import NAN, SEVERITY_GIVEN, Alert
from pipeline.stages.ingest.config import IngestConfig
from pipeline.stages.ingest.cut import within_limits
from pipeline.stages.ingest.draft import Draft
from pipeline.stages.ingest.identity import identity_of
from pipeline.stages.ingest.instants import instant_ms
from pipeline.stages.ingest.rules import Rules, rules_of
from pipeline.stages.ingest.words import meaning

GROUP_KEY: Final = "group_key"
"""The annotation that keeps a sender's explicit grouping key."""

STARTS_AT_GIVEN: Final = "starts_at_given"
"""The annotation that keeps a beginning that was not believed."""

CLOCK_SKEW: Final = "clock_skew"
"""The tag of an alert whose sender's clock is wrong."""


def normalise(
    draft: Draft,
    *,
    alert_id: str,
    now_ms: int,
    timestamp_ms: int,
    trace_id: str,
    config: IngestConfig,
    size_bytes: int = 0,
) -> Alert:
    """Make the alert of a draft whose status is known.

    `timestamp_ms` is when the record was written (0: unknown, `now_ms` stands in): what the
    sender says of time is held against it, not against now, so that a backlog ages nothing.
    `size_bytes` is that of the draft's own JSON where it stood alone (0: it did not).
    """
    rules = rules_of(config)
    fingerprint = identity_of(draft, rules)
    draft = within_limits(draft, config, size_bytes)
    labels = draft.labels
    received_at_ms = timestamp_ms or now_ms
    fields = _fields(draft, rules) if labels else _own_fields(draft)
    severity = rules.severities.get(fields[1]) or meaning(rules.severities, fields[1]) or "unknown"
    status, starts_at_ms, ends_at_ms, is_skewed = _life(draft, rules, received_at_ms)
    annotations = _annotations(draft, fields[1], severity, is_skewed=is_skewed)
    return Alert(
        alert_id=alert_id,
        source=draft.source,
        source_id=draft.source_id or draft.alert_id,
        fingerprint=fingerprint,
        name=fields[0],
        description=draft.description or _description(draft.annotations, config),
        severity=severity,
        status=status,
        service=fields[2],
        environment=fields[3],
        region=fields[4],
        cluster=fields[5],
        namespace=fields[6],
        host=fields[7],
        instance=fields[8],
        metric=draft.metric,
        value=NAN if draft.value is None else draft.value,
        threshold=NAN if draft.threshold is None else draft.threshold,
        starts_at_ms=starts_at_ms,
        ends_at_ms=ends_at_ms,
        received_at_ms=received_at_ms,
        labels=labels,
        annotations=annotations,
        tags=(*draft.tags, CLOCK_SKEW) if is_skewed else tuple(draft.tags),
        trace_id=trace_id or draft.trace_id,
        version=draft.version,
        is_test=draft.is_test,
    )


def _own_fields(draft: Draft) -> tuple[str, ...]:
    return (
        draft.name,
        draft.severity,
        draft.service,
        draft.environment,
        draft.region,
        draft.cluster,
        draft.namespace,
        draft.host,
        draft.instance,
    )


def _fields(draft: Draft, rules: Rules) -> tuple[str, ...]:
    """The fields of FIELD_NAMES in their order, the empty ones filled from labels."""
    own = _own_fields(draft)
    if "" not in own:
        return own
    labels, filled = draft.labels, list(own)
    for place, (_, aliases) in enumerate(rules.aliases):
        if not filled[place]:
            for alias in aliases:
                if labels.get(alias):
                    filled[place] = labels[alias]
                    break
    return tuple(filled)


def _annotations(
    draft: Draft, severity_given: str, severity: str, *, is_skewed: bool
) -> dict[str, str]:
    """The sender's annotations and, where there is any, what it said otherwise."""
    added: dict[str, str] = {}
    if severity_given and severity_given != severity:
        added[SEVERITY_GIVEN] = severity_given
    if draft.group_key:
        added[GROUP_KEY] = draft.group_key
    if is_skewed:
        added[STARTS_AT_GIVEN] = str(instant_ms(draft.starts_at_ms, draft.starts_at))
    return draft.annotations | added if added else draft.annotations


def _life(draft: Draft, rules: Rules, received_at_ms: int) -> tuple[str, int, int, bool]:
    """(status, start, end, whether the sender's clock is not to be believed)."""
    status = meaning(rules.statuses, draft.status)
    starts_at_ms = instant_ms(draft.starts_at_ms, draft.starts_at)
    ends_at_ms = instant_ms(draft.ends_at_ms, draft.ends_at)
    is_skewed = starts_at_ms > received_at_ms + rules.config.skew_max
    if not starts_at_ms or is_skewed:
        starts_at_ms = received_at_ms
    if status == "resolved":
        if not ends_at_ms or ends_at_ms > received_at_ms + rules.config.skew_max:
            ends_at_ms = received_at_ms
    elif 0 < ends_at_ms <= received_at_ms:
        status = "resolved"
    if 0 < ends_at_ms < starts_at_ms:
        # The end is what is acted upon; a beginning after it can only be the wrong one.
        is_skewed = is_skewed or draft.starts_at_ms > 0 or draft.starts_at is not None
        starts_at_ms = ends_at_ms
    return status, starts_at_ms, ends_at_ms, is_skewed


def _description(annotations: dict[str, str], config: IngestConfig) -> str:
    for name in config.description_from:
        if annotations.get(name):
            return annotations[name]
    return ""
