"""How long incidents of one kind last that end by themselves: learned by counting. Pure."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import isqrt
from typing import Final

from pipeline.domain.ids import digest64
from pipeline.domain.incident import Incident
from pipeline.stages.route.tables import LastedRow

KINDS_MAX: Final = 512
"""Kinds of one scope; beyond them two share their counts, by the hash of what they are."""

EDGES_MS: Final = tuple(isqrt(10**6 * 2**half) for half in range(28))
"""From a second to 11.6 hours, two for each doubling; longer ones count as the last."""

SHARE: Final = 0.9
"""Held back is so long that this share of such incidents is over by then."""

KNOWN_MIN: Final = 10
"""Fewer than so many ends do not say how long a kind lasts."""

COUNT_MAX: Final = 1_000
"""At so many ends all counts are halved, so that they follow a change."""


def kind_key(incident: Incident) -> str:
    """Where the counts of its kind are kept: the name and service of the alert that opened it."""
    first = incident.alerts[0] if incident.alerts else None
    name, service = (first.name, first.service) if first else (incident.title, incident.service)
    return f"{incident.scope_id}/{int(digest64(name, service), 16) % KINDS_MAX:03d}"


def lasted_ms(incident: Incident) -> int:
    """From its opening to the end of the last alert that it lists."""
    ends = [each.ends_at_ms for each in incident.alerts if each.ends_at_ms]
    return max(0, max(ends, default=incident.resolved_at_ms) - incident.opened_at_ms)


def counted(row: LastedRow | None, lasted: int) -> LastedRow:
    """With one more end, after so many milliseconds."""
    counts = list(row.counts) if row is not None else [0] * len(EDGES_MS)
    counts[min(bisect_left(EDGES_MS, lasted), len(counts) - 1)] += 1
    if sum(counts) >= COUNT_MAX:
        counts = [count // 2 for count in counts]
    return LastedRow(tuple(counts))


def learned_ms(row: LastedRow | None) -> int:
    """By when SHARE of such incidents are over; 0 where too few have ended."""
    total = sum(row.counts) if row is not None else 0
    if row is None or total < KNOWN_MIN:
        return 0
    seen = accumulate(row.counts)
    return EDGES_MS[next(at for at, count in enumerate(seen) if count >= SHARE * total)]
