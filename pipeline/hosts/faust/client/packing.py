"""The three requests of an epoch that grow with its partitions, packed and read by hand.

aiokafka's schemas cost 9 to 20 µs a partition and commit, most of it in TxnOffsetCommit; packed
like this it is under 1. Schemas: https://kafka.apache.org/protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from struct import Struct
from typing import Final

from pipeline.hosts.faust.client.batches import Place, Writer
from pipeline.hosts.faust.client.errors import Refused

Said = list[tuple[str, int, int, int]]
"""An answer about partitions: topic, partition, error code, offset (-1 where none is told)."""

_HEADER: Final = Struct(">hhih")
_INT16: Final = Struct(">h")
_INT32: Final = Struct(">i")
_WRITER: Final = Struct(">qh")
_PARTITION_CODE: Final = Struct(">ih")
_PARTITION_OFFSET: Final = Struct(">iq")
_BATCH_HEAD: Final = Struct(">ii")
_PRODUCED: Final = Struct(">ihqqq")
_ACKS_TIMEOUT: Final = Struct(">hi")
_NO_TAGS: Final = b"\0"
_NO_LEADER_EPOCH: Final = b"\xff\xff\xff\xff"
_ALL_REPLICAS: Final = -1


class _Encoded:
    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def encode(self) -> bytes:
        """The bytes as they go over the wire."""
        return self._content


class _Answered:
    __slots__ = ("correlation_id",)

    def __init__(self, correlation_id: int) -> None:
        self.correlation_id = correlation_id


class _Answer:
    """What aiokafka calls a response type."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[bytes], Said]) -> None:
        self._read = read

    def decode(self, buffer: BytesIO) -> Said:
        """What a broker said, from where its header ended."""
        return self._read(buffer.read())


class Packed:
    """A request as aiokafka's connections take one, whose content is packed already."""

    def __init__(
        self,
        api: tuple[str, int, int],
        places: Iterable[Place],
        content: bytes,
        read: Callable[[bytes], Said],
        *,
        is_flexible: bool,
    ) -> None:
        self.name, self.API_KEY, self.API_VERSION = api
        self.RESPONSE_TYPE = _Answer(read)
        self.places = tuple(places)
        self._content = content
        self._is_flexible = is_flexible

    def __repr__(self) -> str:
        places = ", ".join(f"{topic}-{partition}" for topic, partition in self.places)
        return f"{self.name} v{self.API_VERSION} of {places}"

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Packed:
        """Itself; raises Refused where the broker does not offer the version."""
        lowest, highest = versions.get(self.API_KEY, (0, -1))
        if not lowest <= self.API_VERSION <= highest:
            raise Refused(
                f"{self.name} v{self.API_VERSION}",
                f"this broker offers {lowest} to {highest}; Apache Kafka 3.7.1 or newer is needed",
            )
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> _Encoded:
        """The header before the content: v2 before a flexible one, else v1."""
        name = client_id.encode()
        head = _HEADER.pack(self.API_KEY, self.API_VERSION, correlation_id, len(name))
        return _Encoded(head + name + (_NO_TAGS if self._is_flexible else b""))

    def encode(self) -> bytes:
        """The content."""
        return self._content

    def parse_response_header(self, buffer: BytesIO) -> _Answered:
        """The header before an answer, its tags read over."""
        (correlation_id,) = _INT32.unpack(buffer.read(4))
        if self._is_flexible:
            rest = buffer.read()
            buffer.seek(4 + _after_tags(rest, 0))
        return _Answered(correlation_id)


def add_partitions(transactional_id: str, writer: Writer, places: Iterable[Place]) -> Packed:
    """AddPartitionsToTxn v2 for these partitions."""
    places = sorted(places)
    content = [_string(transactional_id), _WRITER.pack(*writer)]
    by_topic = _by_topic((topic, partition, b"") for topic, partition in places)
    content.append(_INT32.pack(len(by_topic)))
    for topic, parts in by_topic.items():
        numbers = [partition for partition, _ in parts]
        content += (_string(topic), _INT32.pack(len(numbers)))
        content.append(Struct(f">{len(numbers)}i").pack(*numbers))
    api = ("AddPartitionsToTxn", 24, 2)
    return Packed(api, places, b"".join(content), _read_added, is_flexible=False)


def txn_offset_commit(
    transactional_id: str,
    writer: Writer,
    member: tuple[str, int, str, str],
    offsets: Mapping[Place, int],
) -> Packed:
    """TxnOffsetCommit v3, fenced by (group, generation, member id, instance id) (KIP-447).

    The metadata of each offset is the transactional id: whoever takes over can fence its writer.
    """
    group, generation, member_id, instance_id = member
    tail = _NO_LEADER_EPOCH + _compact(transactional_id) + _NO_TAGS
    content: list[bytes | bytearray] = [
        _compact(transactional_id),
        _compact(group),
        _WRITER.pack(*writer),
        _INT32.pack(generation),
        _compact(member_id),
        _compact(instance_id),
    ]
    by_topic = _by_topic(
        (topic, partition, _PARTITION_OFFSET.pack(partition, offset))
        for (topic, partition), offset in offsets.items()
    )
    content.append(_varint(len(by_topic) + 1))
    for topic, parts in by_topic.items():
        content += (_compact(topic), _varint(len(parts) + 1))
        for _, packed in parts:
            content += (packed, tail)
        content.append(_NO_TAGS)
    content.append(_NO_TAGS)
    api = ("TxnOffsetCommit", 28, 3)
    return Packed(api, offsets, b"".join(content), _read_staged, is_flexible=True)


def produce(
    transactional_id: str, timeout_ms: int, batches: Sequence[tuple[Place, bytearray]]
) -> Packed:
    """Produce v7 of one batch a partition, acknowledged by all replicas in sync."""
    content: list[bytes | bytearray] = [
        _string(transactional_id),
        _ACKS_TIMEOUT.pack(_ALL_REPLICAS, timeout_ms),
    ]
    by_topic = _by_topic((*place, buffer) for place, buffer in batches)
    content.append(_INT32.pack(len(by_topic)))
    for topic, parts in by_topic.items():
        content += (_string(topic), _INT32.pack(len(parts)))
        for partition, buffer in parts:
            content += (_BATCH_HEAD.pack(partition, len(buffer)), buffer)
    api = ("Produce", 0, 7)
    places = (place for place, _ in batches)
    return Packed(api, places, b"".join(content), _read_produced, is_flexible=False)


def _by_topic(
    parts: Iterable[tuple[str, int, bytes | bytearray]],
) -> dict[str, Sequence[tuple[int, bytes | bytearray]]]:
    found: dict[str, list[tuple[int, bytes | bytearray]]] = {}
    for topic, partition, packed in parts:
        found.setdefault(topic, []).append((partition, packed))
    return dict(found)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return _INT16.pack(len(encoded)) + encoded


def _compact(text: str) -> bytes:
    encoded = text.encode()
    return _varint(len(encoded) + 1) + encoded


def _varint(value: int) -> bytes:
    packed = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    """An unsigned varint, and where the next value begins."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004
            return value, at
        shift += 7


def _after_tags(content: bytes, at: int) -> int:
    """Where tagged fields end that begin here; what is in them is for others."""
    count, at = _read_varint(content, at)
    for _ in range(count):
        _, at = _read_varint(content, at)
        size, at = _read_varint(content, at)
        at += size
    return at


def _read_string(content: bytes, at: int) -> tuple[str, int]:
    (size,) = _INT16.unpack_from(content, at)
    at += 2
    return content[at : at + size].decode(), at + size


def _read_count(content: bytes, at: int) -> tuple[int, int]:
    (count,) = _INT32.unpack_from(content, at)
    return count, at + 4


def _read_added(content: bytes) -> Said:
    said: Said = []
    topics, at = _read_count(content, 4)  # after the throttle time
    for _ in range(topics):
        topic, at = _read_string(content, at)
        partitions, at = _read_count(content, at)
        for _ in range(partitions):
            partition, code = _PARTITION_CODE.unpack_from(content, at)
            at += _PARTITION_CODE.size
            said.append((topic, partition, code, -1))
    return said


def _read_staged(content: bytes) -> Said:
    said: Said = []
    topics, at = _read_varint(content, 4)
    for _ in range(topics - 1):
        size, at = _read_varint(content, at)
        topic = content[at : at + size - 1].decode()
        partitions, at = _read_varint(content, at + size - 1)
        for _ in range(partitions - 1):
            partition, code = _PARTITION_CODE.unpack_from(content, at)
            at = _after_tags(content, at + _PARTITION_CODE.size)
            said.append((topic, partition, code, -1))
        at = _after_tags(content, at)
    return said


def _read_produced(content: bytes) -> Said:
    said: Said = []
    topics, at = _read_count(content, 0)
    for _ in range(topics):
        topic, at = _read_string(content, at)
        partitions, at = _read_count(content, at)
        for _ in range(partitions):
            partition, code, offset, _, _ = _PRODUCED.unpack_from(content, at)
            at += _PRODUCED.size
            said.append((topic, partition, code, offset))
    return said
