"""Format `alertmanager`: webhook v4 of Alertmanager 0.25 to 0.34 and Grafana's superset of it.

Also what bridges to Kafka make of it: the group without fingerprints, one alert object alone, an
array of them; and the events of Alertmanager's own recorder (`events.py`), which may be posted
to the same place. Fields: prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from pipeline.domain.deadletter import Rejected
from pipeline.domain.ids import fingerprint
from pipeline.stages.ingest.draft import Draft, Parsed, refuse
from pipeline.stages.ingest.instants import instant_ms
from pipeline.stages.ingest.members import members
from pipeline.stages.ingest.reading import join, read
from pipeline.stages.ingest.reasons import INVALID

GROUP_KEY: Final = "alertmanager_group_key"
"""The annotation with Alertmanager's own group. It asks for no grouping here: by default all
alerts of a receiver are one group there."""

LABELS_SHOWN_MAX: Final = 5


class Posted(Struct, kw_only=True, rename="camel"):
    """One alert of a webhook; what stands below `fingerprint` is Grafana's."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    status: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = field(default="", name="generatorURL")
    fingerprint: str = ""
    values: Any = None
    silence_url: str = field(default="", name="silenceURL")
    dashboard_url: str = field(default="", name="dashboardURL")
    panel_url: str = field(default="", name="panelURL")
    image_url: str = field(default="", name="imageURL")


class Group(Struct, kw_only=True, rename="camel"):
    """One notification of a group, with its alerts still to be read."""

    alerts: msgspec.Raw
    status: str = ""
    group_key: str = ""
    external_url: str = field(default="", name="externalURL")
    truncated_alerts: int = 0
    org_id: int | None = None


_GROUP: Final = msgspec.json.Decoder(Group)
_ONE: Final = msgspec.json.Decoder(Posted)
_MANY: Final = msgspec.json.Decoder(list[Posted])
_LINKS: Final = ("generator_url", "silence_url", "dashboard_url", "panel_url", "image_url")


def parse_alertmanager(body: bytes, members_max: int, now_ms: int) -> Parsed:
    """Read a group, an alert or an array of alerts."""
    start = body.lstrip()[:1]
    if start == b"[":
        return _batch(body, Group(alerts=msgspec.Raw(b"")), "", members_max, now_ms)
    group = read(_GROUP, body)
    if not isinstance(group, Rejected):
        return _batch(bytes(group.alerts), group, "alerts", members_max, now_ms)
    if group.reason != INVALID or group.path != "alerts":
        return Parsed(rejected=(group,))
    alone = read(_ONE, body)
    if isinstance(alone, Rejected):
        # Neither: of the two complaints that of a group helps more who sent no alert at all.
        return Parsed(rejected=(group if alone.path == "labels" else alone,))
    draft = draft_of(alone, Group(alerts=msgspec.Raw(b"")), now_ms)
    return refuse(INVALID, draft, "labels") if isinstance(draft, str) else Parsed(drafts=(draft,))


def _batch(raw: bytes, group: Group, array: str, members_max: int, now_ms: int) -> Parsed:
    found = members(raw, _ONE, _MANY, members_max, array)
    drafts: list[Draft] = []
    rejected = list(found.rejected)
    for index, posted in found.good:
        draft = draft_of(posted, group, now_ms)
        if isinstance(draft, str):
            path = join(f"{array}[{index}]", "labels")
            rejected.append(Rejected(reason=INVALID, detail=draft, path=path, index=index))
        else:
            draft.index = index
            drafts.append(draft)
    return Parsed(
        drafts=tuple(drafts),
        rejected=tuple(rejected),
        array=array,
        cut_by_sender=max(0, group.truncated_alerts),
    )


def draft_of(posted: Posted, group: Group, now_ms: int) -> Draft | str:
    """The draft of one alert, or why there is none. A lost fingerprint is rebuilt."""
    labels = posted.labels
    if not labels:
        return "an alert needs at least one label"
    annotations = dict(posted.annotations or {})
    for name in _LINKS:
        if getattr(posted, name):
            annotations.setdefault(name, getattr(posted, name))
    if group.group_key:
        annotations[GROUP_KEY] = group.group_key
    value = None
    if isinstance(posted.values, dict) and posted.values:
        annotations.setdefault("values", msgspec.json.encode(posted.values).decode())
        value = _only_number(posted.values)
    starts_at_ms, ends_at_ms = instant_ms(0, posted.starts_at), instant_ms(0, posted.ends_at)
    return Draft(
        name=labels.get("alertname") or name_of(labels),
        status=posted.status or _status(ends_at_ms, group.status, now_ms),
        source="grafana" if group.org_id is not None else "alertmanager",
        source_id=group.external_url,
        fingerprint=posted.fingerprint or fingerprint(labels),
        severity=labels.get("severity", ""),
        value=value,
        starts_at_ms=starts_at_ms,
        ends_at_ms=ends_at_ms,
        labels=labels,
        annotations=annotations,
    )


def name_of(labels: dict[str, str]) -> str:
    """A name for an alert without `alertname`: its first labels, as Prometheus writes them."""
    shown = sorted(labels.items())[:LABELS_SHOWN_MAX]
    return "{" + ", ".join(f'{name}="{value}"' for name, value in shown) + "}"


def _status(ends_at_ms: int, group_status: str, now_ms: int) -> str:
    """The status of an alert that brings none: by its end, as Alertmanager itself derives it."""
    if ends_at_ms:
        return "resolved" if ends_at_ms <= now_ms else "firing"
    return group_status or "firing"


def _only_number(values: dict[str, Any]) -> float | None:
    """Grafana gives a value per query; which one is the alert's is known where it is alone."""
    numbers = [one for one in values.values() if isinstance(one, int | float)]
    if len(values) != 1 or len(numbers) != 1:
        return None
    return float(numbers[0])
