"""Running alerts through the real stage, and asking in which incident each of them ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from time import process_time
from typing import Any, NamedTuple

import msgspec

from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Service
from pipeline.domain.ids import scope_id
from pipeline.domain.record import Record
from pipeline.domain.units import decode_unit
from pipeline.domain.wiring import Wiring
from pipeline.stages.correlate import build
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.correlate.tables import ALERTS, COUNTS
from tests.chain import Chain

SCOPE = ("environment",)


class Grouped(NamedTuple):
    """The incident of each alert, after all merges ("" for none), and the CPU time of an alert:
    of the whole task, with its wakes, its output encoded, and an epoch for each instant."""

    incidents: list[str]
    us_per_alert: float


def chain_of(
    section: Mapping[str, Any], services: Mapping[str, Service] | None = None, now_ms: int = 0
) -> Chain:
    """The stage alone on a real task, as the section of topology.yaml makes it."""
    bare = {"rules": (), "dependency": None, **section}
    config = msgspec.convert(bare, CorrelateConfig, dec_hook=decode_unit)
    stage = build(Wiring(scope=SCOPE, sections={"correlate": config}))
    return Chain(
        [stage], lookups={"services": services or {}}, writes=("incidents",), now_ms=now_ms
    )


def records_of(chain: Chain, alerts: Iterable[Alert]) -> list[Record]:
    """Alerts as records that carry their event, so that no decoding is measured."""
    found = []
    for alert in alerts:
        record = chain.record("alerts", "", b"")
        record.event = alert
        found.append(record)
    return found


def run(
    alerts: Iterable[Alert],
    section: Mapping[str, Any],
    services: Mapping[str, Service] | None = None,
) -> Grouped:
    """Correlate alerts as they come: the clock is when each was received, and what was received
    in the same millisecond is one epoch."""
    chain = chain_of(section, services)
    seen: list[str] = []
    known: dict[str, str] = {}
    merged: dict[str, str] = {}
    spent = 0.0
    for at_ms, batch in _instants(alerts):
        records = records_of(chain, batch)
        begun = process_time()
        chain.advance(max(0, at_ms - chain.now_ms))
        chain.run(records)
        spent += process_time() - begun
        for key, row in chain.touched.get(ALERTS.name, {}).items():
            known[key] = row.incident_id if row is not None else ""
        for key, counts in chain.touched.get(COUNTS.name, {}).items():
            if counts is not None and counts.merged_into:
                merged[key.replace("/", ".")] = counts.merged_into
        chain.touched.clear()
        chain.outputs("incidents")
        seen += [known[_key(alert)] for alert in batch]
    return Grouped([_final(each, merged) for each in seen], 1e6 * spent / max(1, len(seen)))


def _instants(alerts: Iterable[Alert]) -> Iterator[tuple[int, list[Alert]]]:
    for at_ms, batch in groupby(alerts, key=lambda alert: alert.received_at_ms):
        yield at_ms, list(batch)


def _key(alert: Alert) -> str:
    values = [getattr(alert, name) for name in SCOPE]
    return f"{scope_id('default', values)}/{alert.fingerprint}"


def _final(incident_id: str, merged: Mapping[str, str]) -> str:
    while incident_id in merged:
        incident_id = merged[incident_id]
    return incident_id
