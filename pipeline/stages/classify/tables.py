"""What classify remembers of an incident until it is forgotten: on what it decided, and how."""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct, field

from pipeline.domain.ids import scope_of
from pipeline.domain.model import Features
from pipeline.domain.stage import TableSpec


class DecidedRow(Struct, frozen=True, array_like=True):
    """The last decision about one incident (`<incident_id>`).

    `seen` is what it was judged by; while that stays it is not judged again. `rows` and `dense`
    are the features as little-endian uint32 and float64. `labels` is head → label decided,
    `by_rules` the heads that rules decided, `told` what turned out and was told to the model.
    `is_touched`: a person has done something about it unasked. `quiet_chance` is the highest
    chance of being quiet that it was given, `verdict` how it turned out, as domain.stakes has it.
    """

    seen: str
    model: str = ""
    version: str = ""
    features_version: int = 0
    rows: bytes = b""
    dense: bytes = b""
    labels: dict[str, str] = field(default_factory=dict)
    by_rules: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)
    is_touched: bool = False
    decided_at_ms: int = 0
    quiet_chance: float = -1.0
    verdict: str = ""


def packed(features: Features) -> tuple[bytes, bytes]:
    """The rows and the dense figures of features, as DecidedRow keeps them."""
    rows, dense = features.rows, features.dense
    return struct.pack(f"<{len(rows)}I", *rows), struct.pack(f"<{len(dense)}d", *dense)


def unpacked(row: DecidedRow) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The rows and the dense figures of a row."""
    return (
        struct.unpack(f"<{len(row.rows) // 4}I", row.rows),
        struct.unpack(f"<{len(row.dense) // 8}d", row.dense),
    )


DECIDED: Final = TableSpec(name="classify-decided", type=DecidedRow, owner=scope_of)
