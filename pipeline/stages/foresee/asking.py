"""Asking a model about a service, and telling it what became of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.foresight import HEAD, HORIZON_MS, Question, changed
from pipeline.domain.incident import Evidence, Risk
from pipeline.domain.model import NO, YES, Belief, ModelKind
from pipeline.domain.outcome import FORESIGHT, ModelRecord, Outcome
from pipeline.domain.reason import Reason
from pipeline.domain.scorers import Scorers
from pipeline.domain.sharing import Models
from pipeline.domain.stage import Context
from pipeline.domain.wiring import Learning
from pipeline.stages.foresee import reasons
from pipeline.stages.foresee.around import changed_at_ms, needs
from pipeline.stages.foresee.tables import SERVICES, ServiceRow, service_key
from pipeline.stages.foresee.waiting import Waiting, answer, features_of, with_answer

OUTCOMES: Final = "outcomes"
MODELS: Final = "models"

UNASKED: Final = "rules"
"""The version of an answer that no model gave."""


class Asking:
    """The kind of model that foresees, and the models of all tenants."""

    def __init__(self, kind: ModelKind[Any], models: Models, learning: Learning) -> None:
        self._kind = kind
        self._models = models
        self._scorers = Scorers(learning)

    def ask(self, scope: str, service: str, row: ServiceRow, ctx: Context) -> ServiceRow:
        """The row with the risk as it is now, and with one more answer that waits."""
        table = ctx.table(SERVICES)
        near = [table.get(service_key(scope, each)) for each in needs(service, ctx)]
        counts = row.counts
        change_at_ms = changed_at_ms(service, ctx)
        if change_at_ms > counts.change_at_ms:
            counts = changed(counts, change_at_ms)
        question = Question(counts, tuple([each.counts for each in near if each]), ctx.now_ms)
        features = self._kind.features(question)
        records: Mapping[str, ModelRecord] = ctx.lookup(MODELS)
        taken = self._scorers.take(self._name(ctx), records)
        if taken.trouble:
            ctx.reason(reasons.BROKEN)
        scorer = taken.scorer
        beliefs = () if scorer is None else scorer.score(features, is_explained=True)
        version = scorer.version if scorer is not None and beliefs else UNASKED
        risk = _risk(beliefs[0], version, ctx.now_ms) if beliefs else Risk()
        given = answer(features, ctx.now_ms, version, is_feared=risk.chance >= 0.5)  # noqa: PLR2004
        ctx.reason(reasons.ASKED, service=service)
        return replace(row, counts=counts, risk=risk, waiting=with_answer(row.waiting, given))

    def foretold(self, answers: Waiting, incident_id: str, ctx: Context) -> None:
        """An incident opened within the horizon of these."""
        self._learn(answers, YES, reasons.FORETOLD, incident_id, ctx)

    def harmless(self, answers: Waiting, ctx: Context) -> None:
        """Nothing opened within the horizon of these."""
        self._learn(answers, NO, reasons.HARMLESS, "", ctx)

    def _learn(
        self, answers: Waiting, label: str, why: Reason, incident_id: str, ctx: Context
    ) -> None:
        for each in answers:
            features = features_of(each)
            model = self._name(ctx)
            ctx.reason(why)
            ctx.emit(
                OUTCOMES,
                model,
                Outcome(
                    model=model,
                    incident_id=incident_id,
                    tenant=ctx.origin.tenant,
                    version=each.version,
                    features_version=self._kind.features_version,
                    rows=features.rows,
                    dense=features.dense,
                    decided={HEAD: YES if each.is_feared else NO},
                    labels={HEAD: label},
                    because=why.name,
                    decided_at_ms=each.at_ms,
                    turned_out_at_ms=ctx.now_ms,
                ),
            )

    def _name(self, ctx: Context) -> str:
        return self._models.name(FORESIGHT, ctx.origin.tenant)


def _risk(belief: Belief, version: str, now_ms: int) -> Risk:
    chance = belief.confidence if belief.label == YES else 1.0 - belief.confidence
    return Risk(
        chance=chance,
        horizon_ms=HORIZON_MS,
        at_ms=now_ms,
        version=version,
        evidence=tuple([Evidence(*each) for each in belief.evidence]),
    )
