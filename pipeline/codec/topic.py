"""Values of topics: Avro bodies behind a framing, and back.

Written straight from the Struct (writing.py), read by fastavro and made a Struct by msgspec. What
does not fit is given to fastavro as well, for its words. Costs: tests/bench/codec.py.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, TypeVar

import msgspec
from fastavro import schemaless_reader, schemaless_writer
from msgspec import Struct

from pipeline.codec.derive import Schema, derive
from pipeline.codec.errors import DecodeError, EncodeError
from pipeline.codec.framing import Framing
from pipeline.codec.published import parsed
from pipeline.codec.text import without_surrogates
from pipeline.codec.writing import Write, writer_of

T = TypeVar("T", bound=Struct)


class TopicCodec:
    """Encodes and decodes topic values in one framing. It may be shared by threads."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._known: dict[type[Struct], tuple[Schema, bytes | None, Write]] = {}

    def encode(self, value: Struct) -> bytes:
        """The bytes of a topic value. Lone surrogates become `?`. Raises EncodeError."""
        kind = type(value)
        schema, prefix, write = self._known.get(kind) or self._learn(kind)
        if prefix is None:
            raise EncodeError(
                f"{kind.__name__}: the registry has no id for its present schema: register it"
            )
        try:
            return prefix + write(value)
        except (TypeError, AttributeError, UnicodeEncodeError):
            return self._encode_checked(value, schema, prefix)

    def _encode_checked(self, value: Struct, schema: Schema, prefix: bytes) -> bytes:
        """By fastavro, after a check that says which field is wrong."""
        kind = type(value)
        plain = msgspec.to_builtins(value, builtin_types=(bytes,))
        stream = BytesIO()
        stream.write(prefix)
        try:
            msgspec.convert(plain, kind)
            schemaless_writer(stream, schema, plain)
        except UnicodeEncodeError:
            return self.encode(msgspec.convert(without_surrogates(plain), kind))
        except (msgspec.ValidationError, OverflowError) as error:
            raise EncodeError(f"{kind.__name__}: {error}") from error
        return stream.getvalue()

    def decode(self, kind: type[T], data: bytes) -> T:
        """The value in these bytes, also where a former schema wrote them.

        Raises DecodeError and nothing else, whatever the bytes.
        """
        schema, prefix, _ = self._known.get(kind) or self._learn(kind)
        if prefix is not None and data.startswith(prefix):
            return _read(kind, data, len(prefix), schema, None)
        writer, start = self._framing.writer(kind.__name__, data)
        return _read(kind, data, start, writer, schema)

    def _learn(self, kind: type[Struct]) -> tuple[Schema, bytes | None, Write]:
        schema = parsed(derive(kind))
        self._known[kind] = schema, self._framing.prefix(schema), writer_of(kind)
        return self._known[kind]


def _read(kind: type[T], data: bytes, start: int, writer: Schema, reader: Schema | None) -> T:
    stream = BytesIO(data)
    stream.seek(start)
    try:
        plain: Any = schemaless_reader(stream, writer, reader)
        value = msgspec.convert(plain, kind)
    except MemoryError:
        raise
    # fastavro raises whatever its readers stumble over.
    except Exception as error:
        raise DecodeError(f"{kind.__name__}: {type(error).__name__}: {error}") from error
    if stream.tell() != len(data):
        raise DecodeError(f"{kind.__name__}: {len(data) - stream.tell()} bytes are left over")
    return value
