"""Values of tables: one byte of version, then the value as msgpack.

A value of an older version is upgraded when it is read, and stays as it is on disk until it is
written again.
"""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct, msgpack

from pipeline.codec.errors import EncodeError
from pipeline.codec.text import without_surrogates
from pipeline.domain.errors import FormatError, StoreError
from pipeline.domain.stage import TableSpec

T = TypeVar("T", bound=Struct)

VERSION_MAX: Final = 255
"""What one byte holds."""

_encode: Final = msgpack.Encoder().encode


class StateCodec(Generic[T]):
    """Encodes and decodes the rows of one table. It may be shared by threads."""

    def __init__(self, spec: TableSpec[T]) -> None:
        """Raises ValueError where the versions of `spec` leave a gap."""
        oldest = min(spec.upgrades, default=spec.version)
        if not 1 <= oldest <= spec.version <= VERSION_MAX:
            raise ValueError(f"table {spec.name}: versions are 1 to {VERSION_MAX}")
        if set(spec.upgrades) != set(range(oldest, spec.version)):
            raise ValueError(
                f"table {spec.name}: upgrades must lead from every version from {oldest} on to"
                f" {spec.version}, one step each; given are {sorted(spec.upgrades)}"
            )
        self._spec = spec
        self._tag = bytes([spec.version])
        self._decode = msgpack.Decoder(spec.type).decode

    def encode(self, value: T) -> bytes:
        """The bytes of a row. Lone surrogates become `?`. Raises EncodeError for an integer
        beyond 64 bits, which msgpack cannot hold.
        """
        try:
            return self._tag + _encode(value)
        except UnicodeEncodeError:
            plain = msgspec.to_builtins(value, builtin_types=(bytes,))
            return self._tag + _encode(without_surrogates(plain))
        except OverflowError as error:
            raise EncodeError(f"table {self._spec.name}: {error}") from error

    def decode(self, data: bytes) -> T:
        """The value of a row, upgraded where it is of an older version.

        Raises FormatError for a version that this one cannot read or upgrade, StoreError for a
        row that is damaged.
        """
        try:
            if data.startswith(self._tag):
                return self._decode(data[1:])
            return self._upgrade(data)
        except msgspec.MsgspecError as error:
            raise StoreError(f"table {self._spec.name}: a row is damaged: {error}") from error

    def _upgrade(self, data: bytes) -> T:
        spec = self._spec
        if not data:
            raise StoreError(f"table {spec.name}: a row is damaged: it is empty")
        found = data[0]
        if found > spec.version or found not in spec.upgrades:
            raise FormatError(
                f"table {spec.name} holds a row of version {found}, and this one reads"
                f" {min(spec.upgrades, default=spec.version)} to {spec.version}:"
                " run the version of Tocsin that wrote it"
            )
        plain: Any = msgpack.decode(data[1:])
        for version in range(found, spec.version):
            try:
                plain = spec.upgrades[version](plain)
            except MemoryError:
                raise
            # A bug of the upgrade: no event is to blame for it, so none may be dead-lettered.
            except Exception as error:
                raise FormatError(
                    f"table {spec.name}: the upgrade from version {version} failed on a row:"
                    f" {type(error).__name__}: {error}"
                ) from error
        return msgspec.convert(plain, spec.type)
