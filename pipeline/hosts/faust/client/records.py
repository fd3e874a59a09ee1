"""Records: what a member's fetches bring, as the engine reads it, in one pass over each batch.

Overrides of aiokafka's Fetcher and PartitionRecords (0.14.0):

* `Fetcher._proc_fetch_request` — keeps the bytes of the answer, and puts the reader below in the
  place of aiokafka's.
* `PartitionRecords.__iter__`, `._unpack_records` — yields Records. aiokafka makes a ConsumerRecord
  of each, which would have to be taken apart again, and never gets past a batch that has a header
  whose name is not UTF-8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.structs import TopicPartition

from pipeline.domain.record import Record
from pipeline.hosts.faust.client.check import AIOKAFKA, Part
from pipeline.hosts.faust.client.unpack import committed

FETCHER: Final = Part(
    AIOKAFKA.distribution,
    AIOKAFKA.version,
    {
        "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request": "self assignment node_id request",
        "aiokafka.consumer.fetcher:PartitionRecords.__init__": (
            "self tp records aborted_transactions fetch_offset key_deserializer "
            "value_deserializer check_crcs isolation_level"
        ),
        "aiokafka.consumer.fetcher:PartitionRecords.__iter__": "self",
        "aiokafka.consumer.fetcher:PartitionRecords._unpack_records": "self",
        "aiokafka.record.default_records:_DefaultRecordBatchPy._read_msg": "self decode_varint",
    },
    {
        "aiokafka.consumer.fetcher:FetchResult.__init__": "partition_records",
        "aiokafka.consumer.fetcher:FetchResult.getall": "max_records",
        "aiokafka.protocol.fetch:FetchRequest.prepare": "versions",
        "aiokafka.record.default_records:_DefaultRecordPy.__init__": (
            "offset timestamp timestamp_type key value headers"
        ),
        "aiokafka.record.util:decode_varint": "buffer pos",
    },
    ("aiokafka.record.memory_records:MemoryRecords",),
)
"""What this and `unpack` override and use; a member's start compares it."""


class EpochFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, whose partitions yield Records."""

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        kept = _Kept(request)
        try:
            has_news: bool = await super()._proc_fetch_request(assignment, node_id, kept)
        except asyncio.CancelledError:
            # aiokafka lets this out where it pauses after an error, and its `close` trips over it.
            return False
        # Since the answer came nobody else has run, so none of it has been read yet.
        for place, raw in kept.raw.items():
            result = self._records.get(place)
            if type(result) is FetchResult:
                fetched = result._partition_records  # noqa: SLF001
                if type(fetched) is PartitionRecords:
                    result._partition_records = EpochRecords(fetched, raw)  # noqa: SLF001
        return has_news


class EpochRecords(PartitionRecords):  # type: ignore[misc]
    """The committed records of one partition in one answer.

    Keys and headers are text for us; bytes that are none, of foreign producers, are replaced.
    Raises Corrupt where a batch does not hold what was written.
    """

    def __init__(self, fetched: PartitionRecords, raw: bytes) -> None:
        self._tp = fetched._tp  # noqa: SLF001
        self._raw = raw
        self._aborted = fetched._aborted_transactions  # noqa: SLF001
        self.next_fetch_offset = fetched.next_fetch_offset
        self._records_iterator: Iterator[Record] | None = self._unpack_records()

    def __iter__(self) -> Iterator[Record]:
        """What is left; not through `__next__`, whose call costs as much as a record."""
        return self._records_iterator or iter(())

    def _unpack_records(self) -> Iterator[Record]:
        topic, partition = self._tp
        batches = committed(self._raw, self.next_fetch_offset, self._aborted, may_be_old=True)
        for records, following in batches:
            for record in records:
                offset: int = record.offset
                key, headers = record.key, record.headers
                self.next_fetch_offset = offset + 1
                yield Record(
                    topic=topic,
                    partition=partition,
                    offset=offset,
                    key=key.decode("utf-8", "replace") if key else "",
                    value=record.value,
                    headers={name: raw.decode("utf-8", "replace") for name, raw in headers if raw}
                    if headers
                    else {},
                    timestamp_ms=record.timestamp or 0,
                )
            self.next_fetch_offset = following


class _Kept:
    """A fetch as aiokafka's connections take one, which keeps what is answered: `raw` has the
    batches of each partition.
    """

    def __init__(self, request: Any) -> None:
        self.topics = request.topics
        self.raw: dict[TopicPartition, bytes] = {}
        self._request = request

    def prepare(self, versions: Any) -> Any:
        """The struct on the wire, whose answer is read here."""
        struct = self._request.prepare(versions)
        struct.RESPONSE_TYPE = self._Answer(self, struct.RESPONSE_TYPE)
        return struct

    class _Answer:
        def __init__(self, kept: _Kept, type_: Any) -> None:
            self._kept = kept
            self._type = type_

        def decode(self, buffer: Any) -> Any:
            """What the broker said."""
            answer = self._type.decode(buffer)
            for topic, partitions in answer.topics:
                for partition, *_, raw in partitions:
                    self._kept.raw[TopicPartition(topic, partition)] = raw or b""
            return answer
