"""Later: what became of incidents of history, also after the range, up to what is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from pipeline.app.backtest.fate import Fate, Fates
from pipeline.app.backtest.sight import Sight
from pipeline.codec import decode
from pipeline.domain.command import Command
from pipeline.domain.incident import Incident
from pipeline.domain.record import Record
from pipeline.domain.store import Log
from pipeline.engine.agent import INCIDENTS_TOPIC

COMMANDS: Final = "commands"
READ_PIECE: Final = 500


def follow_on(
    log: Log, ids: Collection[str], last: Sight, fates: Fates, end_ms: int
) -> Mapping[str, Fate]:
    """The fate of each incident of `ids`: as it was at `end_ms` in `last`, and what came after."""
    found = {incident_id: last.incident(incident_id) for incident_id in ids}
    merged = {one.merged_into for one in found.values() if one is not None and one.merged_into}
    found |= {each: last.incident(each) for each in merged - found.keys()}
    open_ids = {each for each, one in found.items() if one is None or one.is_open}
    for record in _after(log, INCIDENTS_TOPIC, end_ms):
        if record.key in open_ids and record.value is not None:
            found[record.key] = decode(Incident, record.value)
    for record in _after(log, COMMANDS, end_ms):
        command = decode(Command, record.value or b"")
        if command.incident_id in found:
            fates.order(command)
    return {each: fates.of(found[each], _into(found[each], found)) for each in ids}


def _into(one: Incident | None, known: Mapping[str, Incident | None]) -> Incident | None:
    return known.get(one.merged_into) if one is not None and one.merged_into else None


def _after(log: Log, topic: str, at_ms: int) -> Iterator[Record]:
    """All records of a topic that were written after an instant."""
    for partition in log.partitions(topic):
        offset = _first_after(log, topic, partition, at_ms)
        while some := log.read(topic, partition, offset, READ_PIECE):
            yield from some
            offset = some[-1].offset + 1


def _first_after(log: Log, topic: str, partition: int, at_ms: int) -> int:
    """The offset from which on all records are later: times never go back in a log."""
    low, high = log.bounds(topic, partition)
    while low < high:
        middle = (low + high) // 2
        found = log.read(topic, partition, middle, 1)
        if not found or found[0].timestamp_ms > at_ms:
            high = middle
        else:
            low = found[0].offset + 1
    return low
