"""Generic sources: JSON of any shape, read by the paths and expressions of topology.yaml."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from pipeline.domain.deadletter import Rejected
from pipeline.stages.ingest.config import SourceConfig
from pipeline.stages.ingest.draft import Draft, Parsed, refuse
from pipeline.stages.ingest.paths import Path, compile_path
from pipeline.stages.ingest.picks import Picker, compile_pick
from pipeline.stages.ingest.reading import join, read
from pipeline.stages.ingest.reasons import INVALID, TOO_MANY
from pipeline.stages.ingest.values import FILL
from pipeline.stages.ingest.words import meaning

_JSON: Final = msgspec.json.Decoder(object)


class Source(Struct, frozen=True, kw_only=True):
    """One generic source, compiled. `pickers` are (field, key inside it or "", picker)."""

    name: str
    config: SourceConfig
    each: Path | None
    pickers: tuple[tuple[str, str, Picker], ...]


def compile_source(name: str, config: SourceConfig) -> Source:
    """Compile a source that its config has accepted."""
    pickers = []
    for target, pick in config.fields.items():
        field, _, key = target.partition(".")
        pickers.append((field, key, compile_pick(pick)))
    # Whole objects first, so that a single label wins over them wherever it is written.
    pickers.sort(key=lambda picker: picker[1] != "")
    each = compile_path(config.each) if config.each else None
    return Source(name=name, config=config, each=each, pickers=tuple(pickers))


def parse_generic(body: bytes, source: Source, members_max: int) -> Parsed:
    """Read a body of this source: one alert, or those of the array under `each`."""
    payload = read(_JSON, body)
    if isinstance(payload, Rejected):
        return Parsed(rejected=(payload,))
    if source.each is None:
        found = _draft_of(payload, payload, source)
        return Parsed(rejected=(found,)) if isinstance(found, Rejected) else Parsed(drafts=(found,))
    array = source.each.find(payload, payload)
    where = source.each.text
    if not isinstance(array, list):
        return refuse(INVALID, "an array of alerts is expected here", where)
    if len(array) > members_max:
        detail = f"{len(array)} alerts in one batch, the limit is {members_max}: split it"
        return refuse(TOO_MANY, detail, where)
    drafts: list[Draft] = []
    rejected: list[Rejected] = []
    for index, member in enumerate(array):
        found = _draft_of(member, payload, source)
        if isinstance(found, Rejected):
            path = join(f"{where}[{index}]", found.path)
            rejected.append(msgspec.structs.replace(found, path=path, index=index))
        else:
            found.index = index
            drafts.append(found)
    return Parsed(drafts=tuple(drafts), rejected=tuple(rejected), array=where)


def _draft_of(member: Any, payload: Any, source: Source) -> Draft | Rejected:
    draft = Draft(name="", status="", source=source.name)
    for field, key, picker in source.pickers:
        value = picker.pick(member, payload)
        if value is not None and not FILL[field](draft, field, key, value):
            draft.tags.append(f"unread_{field}")
    if source.config.statuses:
        draft.status = meaning(source.config.statuses, draft.status) or draft.status
    if source.config.severities and draft.severity:
        draft.severity = meaning(source.config.severities, draft.severity) or draft.severity
    for needed in ("name", "status"):
        if not getattr(draft, needed):
            return _missing(needed, source)
    return draft


def _missing(needed: str, source: Source) -> Rejected:
    picker = next(picker for field, _, picker in source.pickers if field == needed)
    return Rejected(
        reason=INVALID, detail=f"nothing here gives the alert's {needed}", path=picker.where
    )
