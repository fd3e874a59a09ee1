"""Format `cloudevents`: CloudEvents 1.0, structured, binary or as a batch, over HTTP or Kafka.

An event's data is an alert in any other format; what the alert itself leaves open is taken from
the event's attributes. `source` and `id` name the event, so a redelivery is recognised.
Spec: cloudevents.io, HTTP and Kafka protocol bindings 1.0.2.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from pipeline.domain.deadletter import Rejected
from pipeline.domain.ids import digest64
from pipeline.stages.ingest.draft import Draft, Parsed, Text, refuse
from pipeline.stages.ingest.members import members
from pipeline.stages.ingest.reading import invalid, join, read
from pipeline.stages.ingest.reasons import INVALID
from pipeline.stages.ingest.rules import Rules
from pipeline.stages.ingest.words import meaning

Parse = Callable[[bytes, str], Parsed]
"""Reads an event's data in a format; `""` has it sniffed."""

_SEVERITIES: Final = ((21, "critical"), (17, "error"), (13, "warning"), (1, "info"))
"""OpenTelemetry's SeverityNumber, from this number on."""


class CloudEvent(Struct, kw_only=True):
    """One event with the attributes that an alert can use."""

    specversion: str
    id: Text
    source: Text
    type: Text
    time: str = ""
    subject: str = ""
    traceparent: str = ""
    severitytext: str = ""
    severitynumber: int | str = 0
    data: msgspec.Raw | UnsetType = UNSET
    data_base64: str = ""


_ONE: Final = msgspec.json.Decoder(CloudEvent)
_MANY: Final = msgspec.json.Decoder(list[CloudEvent])
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MEMBERS: Final = frozenset({"data", "data_base64"})


def is_cloudevent(headers: Mapping[str, str]) -> bool:
    """Whether headers say so, in either mode and binding."""
    return _is_structured(headers) or "ce-specversion" in headers or "ce_specversion" in headers


def _is_structured(headers: Mapping[str, str]) -> bool:
    """Media types know no case; on HTTP a batch is `application/cloudevents-batch`."""
    return headers.get("content-type", "").lower().startswith("application/cloudevents")


def parse_cloudevents(
    body: bytes, headers: Mapping[str, str], rules: Rules, parse: Parse
) -> Parsed:
    """Read one event or a batch; `parse` reads their data."""
    is_structured = _is_structured(headers)
    if not is_structured and any(name.startswith(("ce-", "ce_")) for name in headers):
        return _binary(body, headers, rules, parse)
    if body.lstrip()[:1] != b"[":
        event = read(_ONE, body)
        if isinstance(event, Rejected):
            return Parsed(rejected=(event,))
        return _parsed(event, rules, parse)
    found = members(body, _ONE, _MANY, rules.config.members_max)
    drafts: list[Draft] = []
    rejected, skipped = list(found.rejected), list[str]()
    for index, event in found.good:
        parsed = _parsed(event, rules, parse)
        drafts.extend(parsed.drafts)
        skipped.extend(parsed.skipped)
        rejected.extend(
            replace(one, path=join(f"[{index}]", one.path), index=index) for one in parsed.rejected
        )
    for position, draft in enumerate(drafts):
        draft.index = position
    return Parsed(drafts=tuple(drafts), rejected=tuple(rejected), skipped=tuple(skipped), array="")


def _binary(body: bytes, headers: Mapping[str, str], rules: Rules, parse: Parse) -> Parsed:
    attributes: dict[str, Any] = {}
    for name, value in headers.items():
        # HTTP carries attributes percent-encoded, Kafka as they are.
        if name.startswith("ce-"):
            attributes[name[3:]] = unquote(value)
        elif name.startswith("ce_"):
            attributes[name[3:]] = value
    for name in _MEMBERS:
        attributes.pop(name, None)
    try:
        event = msgspec.convert(attributes, CloudEvent)
    except msgspec.ValidationError as error:
        return Parsed(rejected=(invalid(str(error)),))
    if not body:
        return refuse(INVALID, "the event carries no data, so it tells of no alert", "data")
    return _read_data(body, event, rules, parse, "")


def _parsed(event: CloudEvent, rules: Rules, parse: Parse) -> Parsed:
    if event.data is not UNSET:
        return _read_data(bytes(event.data), event, rules, parse, "data")
    if not event.data_base64:
        return refuse(INVALID, "the event carries no data, so it tells of no alert", "data")
    try:
        data = base64.b64decode(event.data_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        return refuse(INVALID, f"no base64: {error}", "data_base64")
    return _read_data(data, event, rules, parse, "data_base64")


def _read_data(data: bytes, event: CloudEvent, rules: Rules, parse: Parse, path: str) -> Parsed:
    if not event.specversion.startswith("1."):
        return refuse(INVALID, f"version {event.specversion[:20]!r}, 1.0 is read", "specversion")
    source = rules.sources_by_type.get(event.type)
    parsed = parse(data if source else _with_attributes(data, event, rules), source or "")
    key = digest64("cloudevents", event.source, event.id)
    for draft in parsed.drafts:
        if not draft.idempotency_key:
            draft.idempotency_key = f"{key}/{draft.index}"
    rejected = tuple(replace(one, path=join(path, one.path)) for one in parsed.rejected)
    array = None if parsed.array is None else join(path, parsed.array)
    return replace(parsed, rejected=rejected, array=array)


def _with_attributes(data: bytes, event: CloudEvent, rules: Rules) -> bytes:
    """A native alert's JSON with what the event's attributes add; anything else as it is."""
    fields = read(_FIELDS, data)
    if isinstance(fields, Rejected) or "name" not in fields:
        return data
    added = {
        "status": meaning(rules.statuses, event.type.rpartition(".")[2]),
        "severity": event.severitytext or _severity(event.severitynumber),
        "source": event.source,
        "source_id": event.id,
        "starts_at": event.time,
        "trace_id": _trace_id(event.traceparent),
    }
    if "starts_at_ms" in fields:
        del added["starts_at"]
    return msgspec.json.encode({name: one for name, one in added.items() if one} | fields)


def _severity(number: int | str) -> str:
    text = str(number)
    if not (text.isascii() and text.isdecimal() and len(text) <= 2):  # noqa: PLR2004
        return ""
    return next((word for start, word in _SEVERITIES if int(text) >= start), "")


def _trace_id(traceparent: str) -> str:
    """The trace id of a W3C traceparent `00-<32 hex>-<16 hex>-<2 hex>`."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""  # noqa: PLR2004
