"""What people say of links: by merging, by splitting, by what they leave as it is.

Only a person's word counts. An incident that resolves without anybody having acknowledged it says
nothing, nor does a merge that an alert brought about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from pipeline.domain.incident import Incident
from pipeline.domain.stage import Context
from pipeline.stages.correlate import reasons
from pipeline.stages.correlate.incident import Case
from pipeline.stages.correlate.links import Links
from pipeline.stages.correlate.tables import KeptPair

Find = Callable[[str], Case | None]
"""The incident under an id, or the one that it was merged into."""


def merged(
    winner: Incident, loser_id: str, links: Links, find: Find, ctx: Context, *, is_said: bool
) -> None:
    """Two incidents are about to be one; `is_said`: because a person said so."""
    winner_id, kept = winner.incident_id, list[KeptPair]()
    for own_id, other_id in ((winner_id, loser_id), (loser_id, winner_id)):
        for pair in links.take(own_id, ctx):
            if is_said and _now(pair, find) == other_id:
                links.tell(winner, pair, reasons.MERGED_BY_HAND, ctx, is_same=True)
            else:
                kept.append(pair)
    links.give(winner_id, kept, ctx)


def split(
    left: Incident,
    made: Incident,
    alerts: Collection[str],
    services: Collection[str],
    links: Links,
    find: Find,
    ctx: Context,
) -> None:
    """A person took `alerts` (fingerprints), among them all of `services`, from one incident into
    another. Pairs of what was parted are denied; those of what went go with it.
    """
    stay, go = list[KeptPair](), list[KeptPair]()
    for pair in links.take(left.incident_id, ctx):
        is_gone, was_joined = pair.fingerprint in alerts, _now(pair, find) == left.incident_id
        if was_joined and is_gone != (pair.service in services):
            links.tell(left, pair, reasons.SPLIT_BY_HAND, ctx, is_same=False)
        elif not is_gone:
            stay.append(pair)
        else:
            go.append(pair.joined_to(made.incident_id) if was_joined else pair)
    links.give(left.incident_id, stay, ctx)
    links.give(made.incident_id, go, ctx)


def ended(incident: Incident, links: Links, find: Find, ctx: Context) -> None:
    """An incident resolved: where a person had it in hand, what is one and what is not is right."""
    pairs = links.take(incident.incident_id, ctx)
    if not (incident.resolved_by or incident.acknowledged_by) or incident.is_test:
        return
    for pair in pairs:
        is_same = _now(pair, find) == incident.incident_id
        why = reasons.LEFT_TOGETHER if is_same else reasons.LEFT_APART
        links.tell(incident, pair, why, ctx, is_same=is_same)


def _now(pair: KeptPair, find: Find) -> str:
    """The incident that what a pair was held against is part of now; "" where it is forgotten."""
    case = find(pair.incident_id)
    return "" if case is None else case.incident.incident_id
