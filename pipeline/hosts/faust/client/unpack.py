"""Unpack: the committed records in what a broker answered to a fetch, with nothing per record.

A fetch under read_committed stops at the last stable offset, but what it brings still holds
records of aborted transactions and the markers that end transactions; the answer names the
aborted ones. Layout: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from pipeline.hosts.faust.client.errors import ClientError

Row: TypeAlias = tuple[bytes | None, bytes | None, int, int]
"""A record: key, value (None: a tombstone), offset, timestamp in ms."""

Headers: TypeAlias = list[tuple[str, bytes | None]]

_MAGIC: Final = 2
_ABORT: Final = b"\0\0\0\0"
"""The key of a marker that aborts: version 0, type 0."""


class Corrupt(ClientError):
    """A batch does not hold what was written: it is asked for again, and given up in the end."""


class Unpacked(NamedTuple):
    """The committed records of one answer, and the offset from which to go on: behind aborted
    records, markers and what compaction left out too. `headers` are there where asked for.
    """

    rows: list[Row]
    headers: list[Headers]
    next: int


def unpack(
    raw: bytes,
    position: int,
    aborted: Iterable[tuple[int, int]],
    *,
    with_headers: bool = False,
) -> Unpacked:
    """The records in `raw` from offset `position` on; `aborted` holds (producer id, first offset).

    A batch that the answer cuts off is left for the next one. Raises Corrupt.
    """
    rows: list[Row] = []
    headers: list[Headers] = []
    to_come = sorted(((first, producer) for producer, first in aborted), reverse=True)
    aborting: set[int] = set()
    batches = MemoryRecords(raw)
    try:
        while batches.has_next():
            batch = _checked(batches.next_batch(), position)
            producer = batch.producer_id
            while to_come and to_come[-1][0] < batch.next_offset:
                aborting.add(to_come.pop()[1])
            if batch.is_control_batch:
                # Compaction may have left the batch without its marker, for the producer's sake.
                marker = next(batch, None)
                if marker is not None and marker.key == _ABORT:
                    aborting.discard(producer)
            elif not (batch.is_transactional and producer in aborting):
                start = len(rows)
                if with_headers:
                    records = list(batch)
                    headers += [record.headers for record in records]
                    rows += [(r.key, r.value, r.offset, r.timestamp) for r in records]
                else:
                    rows += [(r.key, r.value, r.offset, r.timestamp) for r in batch]
                if batch.base_offset < position:
                    early = sum(row[2] < position for row in rows[start:])
                    del rows[start : start + early], headers[start : start + early]
            position = max(position, batch.next_offset)
    except (KafkaError, ValueError) as error:
        raise Corrupt(f"the batch at offset {position} cannot be read: {error!r}") from None
    return Unpacked(rows, headers, position)


def _checked(batch: object, position: int) -> DefaultRecordBatch:
    if not isinstance(batch, DefaultRecordBatch) or batch.magic != _MAGIC:
        raise Corrupt(f"the batch at offset {position} is of a format older than Kafka 0.11")
    if not batch.validate_crc():
        raise Corrupt(f"the checksum of the batch at offset {position} is wrong")
    return batch
