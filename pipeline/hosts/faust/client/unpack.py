"""Unpack: the committed records in what a broker answered to a fetch, batch by batch.

A fetch under read_committed stops at the last stable offset, but what it brings still holds
records of aborted transactions and the markers that end transactions; the answer names the
aborted ones. Layout: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    _DefaultRecordBatchPy,
    _DefaultRecordPy,
)
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from pipeline.hosts.faust.client.errors import ClientError

Row: TypeAlias = tuple[bytes | None, bytes | None, int, int]
"""A record: key, value (None: a tombstone), offset, timestamp in ms."""

Headers: TypeAlias = list[tuple[str, bytes | None]]

_ABORT: Final = b"\0\0\0\0"
"""The key of a marker that aborts: version 0, type 0."""

_BATCH_HEAD: Final = struct.Struct(">qi")
"""First offset of a batch, and how many bytes follow these two fields."""


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

    A batch that the answer cuts off is left for the next one. Raises Corrupt, also for a batch in
    a format older than Kafka 0.11.
    """
    rows: list[Row] = []
    headers: list[Headers] = []
    for records, following in committed(raw, position, aborted):
        if with_headers:
            headers += [record.headers for record in records]
        rows += [(r.key, r.value, r.offset, r.timestamp) for r in records]
        position = following
    return Unpacked(rows, headers, position)


def committed(
    raw: bytes,
    position: int,
    aborted: Iterable[tuple[int, int]],
    *,
    may_be_old: bool = False,
) -> Iterator[tuple[Sequence[Any], int]]:
    """As `unpack`, one batch after the other: its records as aiokafka's classes show them, none
    where it was aborted, and the offset that follows it.

    Batches in the formats before Kafka 0.11 are read where they `may_be_old`.
    """
    to_come = sorted(((first, producer) for producer, first in aborted), reverse=True)
    aborting: set[int] = set()
    batches = MemoryRecords(raw)
    try:
        while batches.has_next():
            batch = _checked(batches.next_batch(), position, may_be_old=may_be_old)
            records: list[Any] = []
            if isinstance(batch, DefaultRecordBatch):
                while to_come and to_come[-1][0] < batch.next_offset:
                    aborting.add(to_come.pop()[1])
                producer = batch.producer_id
                if batch.is_control_batch:
                    # Compaction may have left the batch without its marker, for the producer's
                    # sake.
                    marker = next(batch, None)
                    if marker is not None and marker.key == _ABORT:
                        aborting.discard(producer)
                elif not (batch.is_transactional and producer in aborting):
                    records = _records(batch, raw)
            else:
                records = list(batch)
            if records and records[0].offset < position:
                records = [record for record in records if record.offset >= position]
            position = max(position, batch.next_offset)
            yield records, position
    except (KafkaError, ValueError) as error:
        raise Corrupt(f"the batch at offset {position} cannot be read: {error!r}") from None


def _records(batch: DefaultRecordBatch, raw: bytes) -> list[Any]:
    try:
        return list(batch)
    except UnicodeDecodeError:
        return list(_Lenient(_bytes_of(batch.base_offset, raw)))


def _bytes_of(base_offset: int, raw: bytes) -> bytes:
    """One whole batch of an answer, by its first offset."""
    start = 0
    while True:
        first, size = _BATCH_HEAD.unpack_from(raw, start)
        end = start + _BATCH_HEAD.size + size
        if first == base_offset:
            return raw[start:end]
        start = end


def _checked(batch: Any, position: int, *, may_be_old: bool) -> Any:
    if not (may_be_old or isinstance(batch, DefaultRecordBatch)):
        raise Corrupt(f"the batch at offset {position} is of a format older than Kafka 0.11")
    if not batch.validate_crc():
        raise Corrupt(f"the checksum of the batch at offset {position} is wrong")
    return batch


class _Lenient(_DefaultRecordBatchPy):  # type: ignore[misc]
    """A batch with a header whose name is not UTF-8, which Kafka lets anybody write.

    aiokafka's readers raise on it and never get past it, so one record of a foreign producer would
    stop its partition for good. Here such bytes are replaced, in pure Python, ten times slower.
    """

    _buffer: bytearray
    _pos: int

    def _read_msg(self, decode_varint: Any = decode_varint) -> Any:
        length, at = decode_varint(self._buffer, self._pos)
        end = at + length
        at += 1  # attributes, none of which are in use
        ts_delta, at = decode_varint(self._buffer, at)
        offset_delta, at = decode_varint(self._buffer, at)
        key, at = self._bytes(at)
        value, at = self._bytes(at)
        count, at = decode_varint(self._buffer, at)
        headers = []
        for _ in range(count):
            name, at = self._bytes(at)
            content, at = self._bytes(at)
            headers.append(((name or b"").decode("utf-8", "replace"), content))
        if at != end:
            raise CorruptRecordException(f"a record of {length} bytes ends {at - end} bytes late")
        self._pos = end
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        return _DefaultRecordPy(
            self.base_offset + offset_delta,
            self.max_timestamp if appended else self.first_timestamp + ts_delta,
            self.timestamp_type,
            key,
            value,
            headers,
        )

    def _bytes(self, at: int) -> tuple[bytes | None, int]:
        """Bytes behind their length, None where that is negative; and what comes after them."""
        size, at = decode_varint(self._buffer, at)
        if size < 0:
            return None, at
        return bytes(self._buffer[at : at + size]), at + size
