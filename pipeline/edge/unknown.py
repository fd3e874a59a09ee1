"""Fields of native JSON that nobody knows: they are left out, and the sender is told which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from pipeline.edge.accept import Refused
from pipeline.stages.ingest import Draft
from pipeline.topology.nearest import did_you_mean

WARNINGS_MAX: Final = 20
"""So many are named in one answer."""

NAME_CHARS_MAX: Final = 100

_FIELDS: Final[Sequence[str]] = Draft.__struct_fields__
# Values are skipped, not read: all that matters is that no other name occurs.
_known: Final = msgspec.defstruct(
    "Known",
    [(name, msgspec.Raw, msgspec.Raw()) for name in _FIELDS],
    kw_only=True,
    gc=False,
    forbid_unknown_fields=True,
)
_one: Final = msgspec.json.Decoder(_known)
_many: Final = msgspec.json.Decoder(list[_known])  # type: ignore[valid-type]
_names: Final = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])
_member: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def unknown_fields(body: bytes) -> tuple[Refused, ...]:
    """The first WARNINGS_MAX fields in an alert or an array of them that no alert has."""
    is_array = body.lstrip()[:1] == b"["
    try:
        (_many if is_array else _one).decode(body)
    except msgspec.ValidationError:
        return tuple(islice(_unknown(body), WARNINGS_MAX))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The parser mends some of what is no JSON; to warn is not worth doing that twice.
        pass
    return ()


def _unknown(body: bytes) -> Iterator[Refused]:
    for index, names, prefix in _members(body):
        for name in names:
            if name not in _FIELDS:
                shown = name[:NAME_CHARS_MAX]
                hint = did_you_mean(shown, _FIELDS)
                reason = "an alert has no such field, it is left out" + (hint and f": {hint}")
                yield Refused(index, prefix + shown, reason)


def _members(body: bytes) -> Iterator[tuple[int, Any, str]]:
    try:
        whole = _names.decode(body)
        if isinstance(whole, dict):
            yield 0, whole, ""
            return
        for index, raw in enumerate(whole):
            if bytes(raw).lstrip()[:1] == b"{":
                yield index, _member.decode(raw), f"[{index}]."
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
