"""Sniffing: which format a body is written in, where nobody says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from pipeline.domain.deadletter import Rejected
from pipeline.stages.ingest.avro import is_confluent, is_single_object
from pipeline.stages.ingest.cloudevents import is_cloudevent
from pipeline.stages.ingest.reading import read

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MEMBERS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def sniff(value: bytes, headers: Mapping[str, str]) -> str:
    """The format, one of config.FORMATS. What cannot be told counts as native, whose parser
    says best what is wrong with it.
    """
    if is_cloudevent(headers):
        return "cloudevents"
    if is_single_object(value):
        return "avro"
    if is_confluent(value, headers):
        return "confluent"
    if value.lstrip()[:1] == b"[":
        found = read(_MEMBERS, value)
        if isinstance(found, Rejected) or not found:
            return "native"
        first, is_array = found[0], True
    else:
        one = read(_FIELDS, value)
        if isinstance(one, Rejected):
            return "native"
        first, is_array = one, False
    return _format_of(first, is_array=is_array)


def _format_of(fields: Mapping[str, msgspec.Raw], *, is_array: bool) -> str:
    if "specversion" in fields:
        return "cloudevents"
    if "name" in fields:
        return "native"
    if "alerts" in fields:
        return "alertmanager"
    if "@timestamp" in fields and "data" in fields:
        return "alertmanager-events"
    if "labels" in fields and is_array and "status" not in fields:
        return "alertmanager-v2"
    return "alertmanager" if "labels" in fields else "native"
