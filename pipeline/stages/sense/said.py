"""Said: what a detector says of a point, as an incident shows it and as a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.domain.incident import RATE, UNUSUAL_MAX, Incident, Unusual
from pipeline.domain.series import Reading
from pipeline.domain.stage import Context
from pipeline.domain.units import Duration
from pipeline.stages.sense import reasons
from pipeline.stages.sense.tables import OpenRow

SMALL: Final = 0.1


def unusual(row: OpenRow, reading: Reading, window_ms: int) -> Unusual | None:
    """What is to be shown of a point; None where it is usual. That a rule is quieter than ever
    is no news about an incident of its alerts.
    """
    is_rate = row.kind == RATE
    if not reading.is_anomaly or (is_rate and not reading.value > reading.expected):
        return None
    return Unusual(
        series=row.text,
        kind=row.kind,
        at_ms=reading.at_ms,
        value=reading.value,
        expected=reading.expected,
        low=max(reading.low, 0.0) if is_rate else reading.low,
        high=math.ceil(reading.high) if is_rate else reading.high,
        strength=reading.strength,
        window_ms=window_ms if is_rate else 0,
    )


def shown(incident: Incident, found: Sequence[Unusual]) -> Incident:
    """The incident with what was found: of each series the strongest, and of all the strongest
    UNUSUAL_MAX.
    """
    known = {(each.kind, each.series): each for each in incident.unusual}
    for each in found:
        before = known.get((each.kind, each.series))
        if before is None or each.strength >= before.strength:
            known[each.kind, each.series] = each
    ranked = sorted(known.values(), key=lambda each: (-each.strength, each.kind, each.series))
    return replace(incident, unusual=tuple(ranked[:UNUSUAL_MAX]))


def say(incident: Incident, each: Unusual, ctx: Context) -> None:
    """Give the reason where it is news: once for a series and its window."""
    if any((one.series, one.at_ms) == (each.series, each.at_ms) for one in incident.unusual):
        return
    why = reasons.MANY if each.kind == RATE else reasons.VALUE
    ctx.reason(
        why,
        incident_id=incident.incident_id,
        series=each.series,
        value=_figure(each.value),
        expected=_figure(each.expected),
        low=_figure(each.low),
        high=_figure(each.high),
        window=str(Duration(each.window_ms)),
    )


def _figure(number: float) -> str:
    return f"{number:.3g}" if abs(number) >= SMALL else f"{number:.1g}"
