"""Partition of a key: murmur2 as in every Kafka client, remembered for the keys seen last.

Source: org.apache.kafka.clients.producer.internals.BuiltInPartitioner; the pure Python murmur2
takes 3 µs and more for a key, the remembered one 0.1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

from aiokafka.partitioner import murmur2

KEYS_MAX: Final = 131_072
"""Keys remembered; the one not seen for longest is forgotten, and costs its hash again."""


@lru_cache(maxsize=KEYS_MAX)
def _hashed(key: bytes) -> int:
    return cast(int, murmur2(key)) & 0x7FFFFFFF


def partition_of(key: bytes, count: int) -> int:
    """The partition, of `count`, on which every client puts this key."""
    return _hashed(key) % count
