"""Cutting texts at their limits, on a character's border; nothing is refused for its size."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from pipeline.domain.alert import TRUNCATED
from pipeline.stages.ingest.config import IngestConfig
from pipeline.stages.ingest.draft import Draft

_BYTES_PER_CHARACTER_MAX: Final = 4
_SHORT: Final = (
    "name",
    "source",
    "source_id",
    "severity",
    "service",
    "environment",
    "region",
    "cluster",
    "namespace",
    "host",
    "instance",
    "metric",
    "trace_id",
    "group_key",
)
_shorts_of: Final = attrgetter(*_SHORT)


def cut(text: str, size_bytes_max: int) -> str:
    """The longest beginning of a text that fits into so many bytes of UTF-8."""
    if len(text) * _BYTES_PER_CHARACTER_MAX <= size_bytes_max:
        return text
    raw = text.encode()
    return text if len(raw) <= size_bytes_max else raw[:size_bytes_max].decode("utf-8", "ignore")


def within_limits(draft: Draft, config: IngestConfig, size_bytes: int) -> Draft:
    """The draft with every text within its limit, tagged `truncated` where one was cut.

    `size_bytes` is the size of the JSON that the draft is all of (0: it is not): no text of it
    can be longer.
    """
    if 0 < size_bytes <= _least(config):
        if _are_few(draft, config):
            return draft
    elif _is_small(draft, config):
        return draft
    short, long = config.field_size_max, config.annotation_size_max
    shorter = replace(
        draft,
        description=cut(draft.description, long),
        labels=_cut_all(draft.labels, config.labels_max, short, short),
        annotations=_fitting(
            _cut_all(draft.annotations, config.annotations_max, short, long),
            config.annotations_size_max,
        ),
        tags=[cut(tag, short) for tag in draft.tags[: config.tags_max]],
        **{name: cut(getattr(draft, name), short) for name in _SHORT},
    )
    return draft if shorter == draft else replace(shorter, tags=[*shorter.tags, TRUNCATED])


def _is_small(draft: Draft, config: IngestConfig) -> bool:
    """Whether a draft is surely within all limits: cheap, and true of nearly every alert."""
    short = config.field_size_max // _BYTES_PER_CHARACTER_MAX
    long = config.annotation_size_max // _BYTES_PER_CHARACTER_MAX
    labels, annotations, tags = draft.labels, draft.annotations, draft.tags
    return (
        len(draft.description) <= long
        and max(map(len, _shorts_of(draft))) <= short
        and _are_small(labels, config.labels_max, short, short)
        and _are_small(annotations, config.annotations_max, short, long)
        and sum(map(len, annotations.values())) * _BYTES_PER_CHARACTER_MAX
        <= config.annotations_size_max
        and (not tags or (len(tags) <= config.tags_max and max(map(len, tags)) <= short))
    )


def _least(config: IngestConfig) -> int:
    return min(config.field_size_max, config.annotation_size_max, config.annotations_size_max)


def _are_few(draft: Draft, config: IngestConfig) -> bool:
    return (
        len(draft.labels) <= config.labels_max
        and len(draft.annotations) <= config.annotations_max
        and len(draft.tags) <= config.tags_max
    )


def _are_small(texts: dict[str, str], count_max: int, name_max: int, value_max: int) -> bool:
    return not texts or (
        len(texts) <= count_max
        and max(map(len, texts)) <= name_max
        and max(map(len, texts.values())) <= value_max
    )


def _cut_all(
    texts: dict[str, str], count_max: int, name_size_max: int, value_size_max: int
) -> dict[str, str]:
    first = list(texts.items())[:count_max]
    return {cut(name, name_size_max): cut(value, value_size_max) for name, value in first}


def _fitting(texts: dict[str, str], size_bytes_max: int) -> dict[str, str]:
    left, kept = size_bytes_max, {}
    for name, value in texts.items():
        left -= len(name.encode()) + len(value.encode())
        if left < 0:
            break
        kept[name] = value
    return kept
