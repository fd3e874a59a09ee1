"""Named arrays and values as bytes and back: msgpack with a version, compressed; never pickle.

Numbers are little-endian whatever the machine is; a table keeps only the rows that were touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import cramjam
import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.domain.model import SnapshotError

FORMAT: Final = 1
SIZE_BYTES_MAX: Final = 512 * 2**20
"""A snapshot that says it is larger is refused unread."""

_LEVEL: Final = 1
_DTYPES: Final = ("<f4", "<f8", "<i4", "<i8", "<u2", "|u1")

T = TypeVar("T")


class Part(msgspec.Struct, frozen=True):
    """One array: `dtype` as numpy writes it, its shape, its bytes in C order."""

    dtype: str
    shape: tuple[int, ...]
    raw: bytes


class Packed(msgspec.Struct, frozen=True):
    """All of a snapshot: `state` is msgpack of a Struct of the model's own."""

    format: int
    state: bytes
    arrays: dict[str, Part]


def part_of(array: npt.NDArray[Any]) -> Part:
    """An array as bytes; its dtype must be one that snapshots know."""
    plain = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    if plain.dtype.str not in _DTYPES:
        raise TypeError(f"a snapshot holds no arrays of {plain.dtype}")
    return Part(plain.dtype.str, plain.shape, plain.tobytes())


def array_of(part: Part) -> npt.NDArray[Any]:
    """The array of a part, its own copy. Raises SnapshotError where it does not add up."""
    if part.dtype not in _DTYPES:
        raise SnapshotError("content", f"the snapshot holds an array of {part.dtype!r}")
    dtype = np.dtype(part.dtype)
    count = 1
    for each in part.shape:
        count *= each
    if min(part.shape, default=0) < 0 or count * dtype.itemsize != len(part.raw):
        raise SnapshotError("content", "an array of the snapshot is not as long as its shape says")
    found = np.frombuffer(part.raw, dtype=dtype).reshape(part.shape)
    return found.astype(dtype.newbyteorder("="), copy=True)


def pack(state: msgspec.Struct, arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """A state and its arrays as compressed bytes; the same for the same content."""
    packed = Packed(
        FORMAT,
        msgspec.msgpack.encode(state),
        {name: part_of(arrays[name]) for name in sorted(arrays)},
    )
    raw = msgspec.msgpack.encode(packed)
    return len(raw).to_bytes(8, "little") + bytes(cramjam.zstd.compress(raw, _LEVEL))


def unpack(raw: bytes, kind: type[T]) -> tuple[T, dict[str, npt.NDArray[Any]]]:
    """The state and the arrays of `pack`. Raises SnapshotError: `format` of another version,
    `content` where it can not be read.
    """
    size_bytes = int.from_bytes(raw[:8], "little")
    if size_bytes > SIZE_BYTES_MAX:
        raise SnapshotError("content", f"the snapshot says it holds {size_bytes} bytes")
    try:
        plain = bytearray(size_bytes)
        if cramjam.zstd.decompress_into(raw[8:], plain) != size_bytes:
            raise SnapshotError("content", "the snapshot is shorter than it says")
        packed = msgspec.msgpack.decode(bytes(plain), type=Packed)
        if packed.format != FORMAT:
            raise SnapshotError(
                "format",
                f"the snapshot has format {packed.format}, this version reads {FORMAT}: "
                "run the version that wrote it, or let the model learn anew",
            )
        state = msgspec.msgpack.decode(packed.state, type=kind)
    except (msgspec.MsgspecError, cramjam.DecompressionError) as error:
        raise SnapshotError("content", f"the snapshot can not be read: {error}") from error
    return state, {name: array_of(part) for name, part in packed.arrays.items()}


def touched(table: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The rows of a table that are not zero."""
    return np.flatnonzero(table.any(axis=1))
