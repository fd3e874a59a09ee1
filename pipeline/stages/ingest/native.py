"""Format `native`: an alert as JSON, or an array of them; also what the edge itself writes."""

from __future__ import annotations

from typing import Final

import msgspec

from pipeline.domain.deadletter import Rejected
from pipeline.stages.ingest.draft import Draft, Parsed
from pipeline.stages.ingest.members import members
from pipeline.stages.ingest.reading import read

_ONE: Final = msgspec.json.Decoder(Draft)
_MANY: Final = msgspec.json.Decoder(list[Draft])


def parse_native(body: bytes, members_max: int) -> Parsed:
    """Read one Draft or an array of them; of an array the good members are kept."""
    if body[:1] != b"[" and body.lstrip()[:1] != b"[":
        one = read(_ONE, body)
        return Parsed(rejected=(one,)) if isinstance(one, Rejected) else Parsed(drafts=(one,))
    many = members(body, _ONE, _MANY, members_max)
    for index, draft in many.good:
        draft.index = index
    return Parsed(drafts=tuple(draft for _, draft in many.good), rejected=many.rejected, array="")
