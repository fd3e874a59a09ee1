"""Members of a batch: the good ones are kept, each bad one is refused with its path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.deadletter import Rejected
from pipeline.stages.ingest.reading import join, read
from pipeline.stages.ingest.reasons import TOO_MANY

T = TypeVar("T")

_RAWS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Members(Struct, Generic[T], frozen=True, kw_only=True):
    """The readable members with their index, and the others."""

    good: tuple[tuple[int, T], ...] = ()
    rejected: tuple[Rejected, ...] = ()


def members(
    body: bytes,
    one: msgspec.json.Decoder[T],
    many: msgspec.json.Decoder[list[T]],
    members_max: int,
    path: str = "",
) -> Members[T]:
    """Read an array at once, and member by member only where one of them is bad.

    `path` is where the array stands in its body.
    """
    whole = read(many, body)
    if not isinstance(whole, Rejected):
        if len(whole) > members_max:
            return _too_many(len(whole), members_max, path)
        return Members(good=tuple(enumerate(whole)))
    raws = read(_RAWS, body)
    if isinstance(raws, Rejected):
        return Members(rejected=(replace(raws, path=join(path, raws.path)),))
    if len(raws) > members_max:
        return _too_many(len(raws), members_max, path)
    return _one_by_one(raws, one, path)


def _too_many(count: int, members_max: int, path: str) -> Members[T]:
    detail = f"{count} alerts in one batch, the limit is {members_max}: split it"
    return Members(rejected=(Rejected(reason=TOO_MANY, detail=detail, path=path),))


def _one_by_one(
    raws: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[T], path: str
) -> Members[T]:
    good: list[tuple[int, T]] = []
    rejected: list[Rejected] = []
    for index, raw in enumerate(raws):
        found = read(decoder, bytes(raw))
        if isinstance(found, Rejected):
            where = join(f"{path}[{index}]", found.path)
            rejected.append(replace(found, path=where, index=index))
        else:
            good.append((index, found))
    return Members(good=tuple(good), rejected=tuple(rejected))
