"""The stage `classify`: what kind of trouble an incident is, whose, and what turned out."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.ids import scope_of
from pipeline.domain.incident import Classification, Incident
from pipeline.domain.model import HEADS
from pipeline.domain.notification import Receipt
from pipeline.domain.outcome import INCIDENTS as OF_INCIDENTS
from pipeline.domain.outcome import Outcome
from pipeline.domain.scorers import Scorers, Taken
from pipeline.domain.sharing import Models
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update
from pipeline.domain.stakes import REAL
from pipeline.domain.wiring import Learning
from pipeline.stages.classify import reasons
from pipeline.stages.classify.decide import RULES, decide, labels_of, quiet_chance, said
from pipeline.stages.classify.known import Known, Surroundings
from pipeline.stages.classify.rules import CHANGE_MS, judge
from pipeline.stages.classify.tables import DECIDED, DecidedRow, packed, unpacked
from pipeline.stages.classify.turned_out import TurnedOut, turned_out, verdict

OUTCOMES: Final = "outcomes"
MODELS: Final = "models"

FORGET_MS: Final = 7 * 86_400_000
"""What turns out later than so long after the end is not learned: by then the incident's
features are forgotten. Incidents are kept longer, and their classification with them."""


class ClassifyStage:
    """Owns `incident.classification`; emits outcomes. Tests of the way are judged and not
    remembered: nothing is to be learned from them.
    """

    name = "classify"
    accepts = (Update,)
    tables: tuple[TableSpec[Any], ...] = (DECIDED,)

    def __init__(self, models: Models, learning: Learning | None, risk: float = 0.0) -> None:
        self._models = models
        self._kind = None if learning is None else learning.kinds.get(OF_INCIDENTS)
        self._scorers = Scorers(learning, risk)
        self._around = Surroundings()

    def process(self, event: Update, ctx: Context) -> None:
        """Judge an incident where what it is judged by has changed, and tell what turned out."""
        if isinstance(event.cause, Receipt):
            ctx.forward(event)
            return
        incident = event.incident
        row = ctx.table(DECIDED).get(incident.incident_id)
        if row is not None and self._kind is not None and row.rows:
            row = self._learn(event, row, ctx)
        if not incident.is_open:
            if row is not None:
                ctx.wake_at(incident.incident_id, ctx.now_ms + FORGET_MS)
            ctx.forward(event)
            return
        model = self._models.name(OF_INCIDENTS, incident.tenant)
        taken = self._scorers.take(model, ctx.lookup(MODELS))
        known = self._around.look(event, ctx)
        seen = _seen(known, taken)
        if row is not None and row.seen == seen:
            ctx.reason(reasons.SAME)
            ctx.forward(event)
            return
        classification = self._judge(known, taken, model, row, seen, ctx)
        ctx.forward(
            Update(incident=replace(incident, classification=classification), cause=event.cause)
        )

    def wake(self, key: str, ctx: Context) -> None:
        """An incident ended long ago: forget on what it was decided, unless it is open again."""
        incident = ctx.table(INCIDENTS).get(key)
        if incident is not None and incident.is_open:
            return
        due_ms = incident.resolved_at_ms + FORGET_MS if incident is not None else 0
        if due_ms > ctx.now_ms:
            ctx.wake_at(key, due_ms)
        else:
            ctx.table(DECIDED).delete(key)

    def owner_of_wake(self, key: str) -> str:
        """The scope of the incident that is forgotten."""
        return scope_of(key)

    def _judge(
        self,
        known: Known,
        taken: Taken,
        model: str,
        row: DecidedRow | None,
        seen: str,
        ctx: Context,
    ) -> Classification:
        incident = known.incident
        by_rules = judge(known)
        features = None if self._kind is None else self._kind.features(known.subject())
        scorer = taken.scorer
        beliefs = (
            () if scorer is None or features is None else scorer.score(features, is_explained=True)
        )
        version = "" if scorer is None else scorer.version
        made = decide(by_rules, beliefs, version, ctx.now_ms, taken.quiet_from)
        labels = labels_of(made)
        _say(incident, made, taken, ctx)
        if incident.is_test:
            return made
        rows, dense = (b"", b"") if features is None else packed(features)
        kept = row or DecidedRow(seen)
        ctx.table(DECIDED).put(
            incident.incident_id,
            replace(
                kept,
                seen=seen,
                model=model,
                version=made.version,
                features_version=self._kind.features_version if self._kind else 0,
                rows=rows,
                dense=dense,
                labels=labels,
                by_rules=tuple(h for h in HEADS if getattr(made, h).reason != reasons.MODEL.name),
                decided_at_ms=ctx.now_ms,
                quiet_chance=max(kept.quiet_chance, quiet_chance(made)),
            ),
        )
        return made

    def _learn(self, event: Update, row: DecidedRow, ctx: Context) -> DecidedRow:
        """Tell the model what turned out and was not told before; the row as it is then."""
        incident = event.incident
        before = ctx.table(INCIDENTS).get(incident.incident_id)
        self._around.refresh(ctx.lookup("services"))
        found = turned_out(before, event, row, self._around.teams)
        if not found:
            return row
        after = row
        for each in found:
            if each.is_touch:
                after = replace(after, is_touched=True)
            after = _tell(each, incident, after, ctx)
        if after is not row:
            ctx.table(DECIDED).put(incident.incident_id, after)
        return after


def _tell(found: TurnedOut, incident: Incident, row: DecidedRow, ctx: Context) -> DecidedRow:
    labels = {head: label for head, label in found.labels.items() if row.told.get(head) != label}
    if found.why is None:
        return row
    if not labels:
        if not found.labels:
            ctx.reason(found.why)
        return row
    shown = ", ".join(f"{head} {label}" for head, label in labels.items())
    ctx.reason(
        reasons.TURNED_OUT,
        incident_id=incident.incident_id,
        labels=shown,
        because=found.why.text,
    )
    told = {**row.told, **labels}
    became = verdict(told)
    is_news = became not in ("", row.verdict) and row.verdict != REAL
    rows, dense = unpacked(row)
    ctx.emit(
        OUTCOMES,
        row.model,
        Outcome(
            model=row.model,
            incident_id=incident.incident_id,
            tenant=incident.tenant,
            version=row.version,
            features_version=row.features_version,
            rows=rows,
            dense=dense,
            decided=row.labels,
            labels=labels,
            because=found.why.name,
            decided_at_ms=row.decided_at_ms,
            turned_out_at_ms=ctx.now_ms,
            verdict=became if is_news else "",
            quiet_chance=row.quiet_chance,
        ),
    )
    return replace(row, told=told, verdict=became if is_news else row.verdict)


def _seen(known: Known, taken: Taken) -> str:
    """What an incident is judged by, as one text. Its alerts count by powers of eight (from 4 on),
    so that a storm does not have it judged with each of them.
    """
    incident, first = known.incident, known.first
    version = taken.scorer.version if taken.scorer is not None else RULES
    is_recent = 0 <= known.change_age_ms < CHANGE_MS
    return "\x1f".join(
        (
            version,
            taken.trouble,
            incident.severity,
            first.name,
            first.service,
            known.team,
            f"{known.tier},{known.dependents_count},{len(incident.services)}",
            f"{len(incident.notes)},{incident.alert_count.bit_length() // 3}",
            f"{incident.reopened_count},{is_recent:d}",
        )
    )


def _say(incident: Incident, made: Classification, taken: Taken, ctx: Context) -> None:
    """Say it where a label or what decided it is news."""
    before = incident.classification
    is_news = made.version != before.version or any(
        (getattr(made, head).label, getattr(made, head).reason)
        != (getattr(before, head).label, getattr(before, head).reason)
        for head in HEADS
    )
    if taken.trouble:
        ctx.reason(reasons.BROKEN)
    if not is_news:
        ctx.reason(reasons.SAME)
        return
    by = made.version + (f"; {taken.trouble}" if taken.trouble else "")
    ctx.reason(
        reasons.CLASSIFIED, incident_id=incident.incident_id, said=said(made) or "unknown", by=by
    )
