"""Avro bodies whose framing names no schema that is known here: read by trying, newest first.

Without a registry the id in Confluent's framing says nothing. An Avro body does not say either
what it holds, but one that some other schema wrote does not end with the last field of ours to
the byte: only what is read whole counts.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

from msgspec import Struct

from pipeline.codec.derive import derive
from pipeline.codec.errors import DecodeError
from pipeline.codec.framing import MARKER, SingleObject
from pipeline.codec.published import fingerprint_of, parsed_former
from pipeline.codec.topic import TopicCodec

T = TypeVar("T", bound=Struct)

_codec = TopicCodec(SingleObject())


def decode_bare(kind: type[T], body: bytes) -> T:
    """The value in a body without framing, by the present schema of `kind` or a former one.

    Raises DecodeError, with what the present schema says of it, where none fits.
    """
    complaint: DecodeError | None = None
    for prefix in _prefixes(kind):
        try:
            return _codec.decode(kind, prefix + body)
        except DecodeError as error:
            complaint = complaint or error
    raise complaint or DecodeError(f"{kind.__name__}: no schema of it is known")


@cache
def _prefixes(kind: type[Struct]) -> tuple[bytes, ...]:
    """The framing of each schema of a topic value, the present one first."""
    present = fingerprint_of(derive(kind))
    former = [known for known in parsed_former(kind.__name__) if known != present]
    return tuple(MARKER + known for known in (present, *former))
