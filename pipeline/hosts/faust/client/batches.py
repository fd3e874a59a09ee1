"""Batches: an epoch's records of one partition, as the log keeps them, with their sequences.

Built with aiokafka's compiled builder and without a future per record, which is what its own
producer spends most of its time on. A batch's sequence is that of its first record; sequences
wrap from 2^31 - 1 to 0 as in Java (org.apache.kafka.common.record.DefaultRecordBatch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from pipeline.hosts.faust.client.errors import ClientError

Outgoing: TypeAlias = tuple[
    bytes | None, bytes | None, list[tuple[str, bytes]] | dict[str, str], int
]
"""A record to be written: key, value (None deletes the key), headers, timestamp in ms.

Headers that are text stay so until their record lies in its batch: encoded for a whole epoch in
advance they are six objects a record, and most of what the garbage collector has to look at.
"""

Place: TypeAlias = tuple[str, int]
"""A topic and one of its partitions."""

_SEQUENCES: Final = 2**31
_MAGIC: Final = 2
_UNCOMPRESSED: Final = 0
_TRANSACTIONAL: Final = 1


def sequence_after(sequence: int, count: int) -> int:
    """The sequence that follows `count` records from `sequence` on."""
    return (sequence + count) % _SEQUENCES


class Writer(NamedTuple):
    """Who writes: the producer's id and epoch, which every batch carries."""

    producer_id: int
    epoch: int

    def batches(
        self, place: Place, records: Sequence[Outgoing], sequence: int, size_bytes_max: int
    ) -> list[Batch]:
        """The records in batches of at most `size_bytes_max`; one that is larger goes alone."""
        made: list[Batch] = []
        first = 0
        builder = self._builder(sequence, size_bytes_max)
        append = builder.append
        known: object = None
        content: list[tuple[str, bytes]] = []
        for number, (key, value, headers, timestamp_ms) in enumerate(records):
            if headers is not known:  # records of one event share their headers
                known = headers
                content = (
                    [(name, text.encode()) for name, text in headers.items()]
                    if isinstance(headers, dict)
                    else headers
                )
            if append(number - first, timestamp_ms, key, value, content) is None:
                made.append(Batch(self, place, records[first:number], sequence, builder.build()))
                sequence = sequence_after(sequence, number - first)
                first = number
                builder = self._builder(sequence, size_bytes_max)
                append = builder.append
                append(0, timestamp_ms, key, value, content)
        if first < len(records):
            made.append(Batch(self, place, records[first:], sequence, builder.build()))
        return made

    def _builder(self, sequence: int, size_bytes_max: int) -> DefaultRecordBatchBuilder:
        return DefaultRecordBatchBuilder(
            _MAGIC,
            _UNCOMPRESSED,
            _TRANSACTIONAL,
            self.producer_id,
            self.epoch,
            sequence,
            size_bytes_max,
        )


class Batch:
    """Records of one partition that the broker appends together or not at all."""

    __slots__ = ("buffer", "error", "last_offset", "place", "records", "sequence", "writer")

    def __init__(
        self,
        writer: Writer,
        place: Place,
        records: Sequence[Outgoing],
        sequence: int,
        buffer: bytearray,
    ) -> None:
        self.writer = writer
        self.place = place
        self.records = records
        self.sequence = sequence
        self.buffer = buffer
        self.last_offset: int | None = None
        """Where the last record lies in the log, once the broker has acknowledged the batch."""
        self.error: ClientError | None = None
        """Why the broker did not take the batch."""

    def halves(self) -> list[Batch]:
        """The same records in two batches, under the same sequences."""
        middle = len(self.records) // 2
        later = sequence_after(self.sequence, middle)
        parts = ((self.records[:middle], self.sequence), (self.records[middle:], later))
        return [
            batch
            for records, sequence in parts
            for batch in self.writer.batches(self.place, records, sequence, len(self.buffer))
        ]
