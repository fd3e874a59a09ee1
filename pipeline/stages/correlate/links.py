"""Links that are learned: which incidents nearby an alert belongs to, and what people made of it.

An alert that begins to fire is held against the open incidents near it. Where the tenant's model
has learned enough it says which of them are one with the alert; until then the dependency rule
does. On what was judged is kept with the incident that took the alert in. It is told to the model
once a person has said which was right: merged them, split them, or had the incident in hand until
it ended and left them together or apart. Of an incident that nobody touched nothing is learned.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.alert import Alert
from pipeline.domain.incident import Incident
from pipeline.domain.link import HEAD, Pair
from pipeline.domain.model import NO, YES, ModelKind
from pipeline.domain.outcome import LINKS, Outcome
from pipeline.domain.reason import Reason
from pipeline.domain.scorers import Scorers
from pipeline.domain.sharing import Models
from pipeline.domain.stage import Context
from pipeline.domain.wiring import Wiring
from pipeline.stages.correlate import reasons
from pipeline.stages.correlate.incident import Case
from pipeline.stages.correlate.tables import LINKED, KeptPair, LinkRow, row_key

HOPS: Final = 3
GAP_MS: Final = 300_000
"""So far an incident may be from an alert to be judged, where the rule does not reach farther."""

PAIRS_MAX: Final = 32
"""Pairs kept of one incident; what is judged beyond is not learned from."""

RULES: Final = "rules"
"""The version of what no model decided."""

OUTCOMES: Final = "outcomes"
MODELS: Final = "models"


class Seen(Struct, frozen=True):
    """One open incident as an alert found it: `service` is the nearest of its services."""

    case: Case
    hops: int
    apart_ms: int
    service: str
    is_ruled: bool


class Judged(Struct, frozen=True):
    """One that was judged: its features, and the chance that the two are one (-1: no model
    says any).
    """

    seen: Seen
    rows: tuple[int, ...]
    chance: float = -1.0
    version: str = RULES

    @property
    def is_learned(self) -> bool:
        """Whether a model decides; else the rule does."""
        return self.chance >= 0.0

    @property
    def is_same(self) -> bool:
        """Whether the model says that they are one."""
        return self.chance >= 0.5  # noqa: PLR2004 - an even chance


class Links:
    """What one stage knows of links beside its tables. Off, it does nothing at no cost."""

    def __init__(self, wiring: Wiring, *, is_on: bool) -> None:
        learning = wiring.learning if is_on else None
        self._kind: ModelKind[Any] | None = None if learning is None else learning.kinds.get(LINKS)
        self._scorers = Scorers(learning)
        self._models: Models = wiring.sections.get("models") or Models()

    @property
    def is_on(self) -> bool:
        """Whether anything is learned."""
        return self._kind is not None

    def judge(
        self, alert: Alert, at_ms: int, around: Sequence[Seen], ctx: Context
    ) -> tuple[Judged, ...]:
        """Each of the incidents around as it is judged, in their order."""
        if self._kind is None or not around:
            return ()
        model = self._models.name(LINKS, around[0].case.incident.tenant)
        scorer = self._scorers.take(model, ctx.lookup(MODELS)).scorer
        found = []
        for seen in around:
            features = self._kind.features(_pair(alert, at_ms, seen))
            beliefs = () if scorer is None else scorer.score(features)
            if not beliefs or scorer is None:
                found.append(Judged(seen, features.rows))
                continue
            chance = beliefs[0].confidence
            chance = chance if beliefs[0].label == YES else 1.0 - chance
            found.append(Judged(seen, features.rows, chance, scorer.version))
        return tuple(found)

    def keep(self, alert: Alert, case: Case, judged: Sequence[Judged], ctx: Context) -> None:
        """Remember what was judged of an alert with the incident that took it in."""
        if not judged or alert.is_test:
            return
        made = [
            KeptPair(
                alert.fingerprint,
                each.seen.case.incident.incident_id,
                each.seen.service,
                struct.pack(f"<{len(each.rows)}H", *each.rows),
                each.version,
                each.is_same if each.is_learned else each.seen.is_ruled,
                ctx.now_ms,
            )
            for each in judged
        ]
        self.give(case.incident.incident_id, made, ctx)

    def take(self, incident_id: str, ctx: Context) -> tuple[KeptPair, ...]:
        """The pairs kept of an incident, which are forgotten with this."""
        kind = self._kind
        row = None if kind is None else ctx.table(LINKED).get(row_key(incident_id))
        if kind is None or row is None:
            return ()
        ctx.table(LINKED).delete(row_key(incident_id))
        return row.pairs if row.features_version == kind.features_version else ()

    def give(self, incident_id: str, pairs: Sequence[KeptPair], ctx: Context) -> None:
        """Keep pairs of an incident beside those that it has."""
        kind, key = self._kind, row_key(incident_id)
        if kind is None or not pairs:
            return
        row = ctx.table(LINKED).get(key)
        if row is None or row.features_version != kind.features_version:
            row = LinkRow(kind.features_version)
        if len(row.pairs) < PAIRS_MAX:
            both = (*row.pairs, *pairs)[:PAIRS_MAX]
            ctx.table(LINKED).put(key, LinkRow(kind.features_version, both))

    def tell(
        self, incident: Incident, pair: KeptPair, why: Reason, ctx: Context, *, is_same: bool
    ) -> None:
        """A person has said whether the two of a pair are one."""
        kind = self._kind
        if kind is None:
            return
        model = self._models.name(LINKS, incident.tenant)
        label = YES if is_same else NO
        ctx.reason(reasons.LINK_TURNED_OUT, label=label)
        ctx.emit(
            OUTCOMES,
            model,
            Outcome(
                model=model,
                incident_id=incident.incident_id,
                tenant=incident.tenant,
                version=pair.version,
                features_version=kind.features_version,
                rows=struct.unpack(f"<{len(pair.rows) // 2}H", pair.rows),
                decided={HEAD: YES if pair.is_joined else NO},
                labels={HEAD: label},
                because=why.name,
                decided_at_ms=pair.judged_at_ms,
                turned_out_at_ms=ctx.now_ms,
            ),
        )


def _pair(alert: Alert, at_ms: int, seen: Seen) -> Pair:
    """What is asked; the incident's latest alert is the last that it lists."""
    incident, size = seen.case.incident, seen.case.row.alerts
    latest = incident.alerts[-1] if incident.alerts else None
    latest_at_ms = latest.starts_at_ms if latest is not None else incident.starts_at_ms
    return Pair(
        hops=seen.hops,
        apart_ms=seen.apart_ms,
        silent_ms=abs(at_ms - latest_at_ms),
        pace_ms=max(0, latest_at_ms - incident.starts_at_ms) // max(1, size - 1),
        size=size,
        services_count=len(incident.services),
        name=alert.name,
        latest_name=latest.name if latest is not None else "",
        is_ruled=seen.is_ruled,
    )
