"""A shadow: a fresh model that learns what its model learns, and decides nothing.

It is published beside it, so its figures can be compared; promoted, it takes the model's place,
and a rollback brings the former one back. One that was begun because the model drifted, a rival,
takes the place by itself as soon as it is the better one.
"""

from __future__ import annotations

from math import isnan
from typing import Final

from msgspec.structs import replace

from pipeline.domain.outcome import shadow_of
from pipeline.domain.stage import Context
from pipeline.domain.stakes import Stakes
from pipeline.stages.fit import reasons
from pipeline.stages.fit.memory import Memory
from pipeline.stages.fit.publish import publish, withdraw
from pipeline.stages.fit.tables import LEARNED, MODELS, ModelRow

WINS_FROM: Final = 2_000
"""So many outcomes a rival has to have learned: its figures are of about as many."""

ENDS_AT: Final = 50_000
"""A rival that has not won by so many outcomes is ended."""


def begin(name: str, row: ModelRow, ctx: Context, *, is_rival: bool = False) -> None:
    """Have a shadow of the model learn from now on; there must be none."""
    # An era of its own, so that a former shadow in memory is not taken for this one.
    ctx.table(MODELS).put(shadow_of(name), ModelRow(era=row.count + 1, is_rival=is_rival))


def compete(name: str, row: ModelRow, models_max: int, memory: Memory, ctx: Context) -> ModelRow:
    """Have a rival learn beside a model that drifted, put it in its place where it won, and end it
    where it does not win; the model's row as it is then.
    """
    models = ctx.table(MODELS)
    rival = models.get(shadow_of(name))
    if rival is None:
        if _has_drifted(row) and sum(1 for _ in models.scan("")) < models_max:
            begin(name, row, ctx, is_rival=True)
            ctx.reason(reasons.RIVAL, model=name)
    elif _wins(rival, row):
        row = promote(name, row, rival, memory, ctx)
        ctx.reason(reasons.REPLACED, model=name, version=row.heads[0].version)
    elif rival.is_rival and rival.count >= ENDS_AT:
        end(shadow_of(name), rival, ctx)
        ctx.reason(reasons.BEATEN, model=name, count=rival.count)
    return row


def _has_drifted(row: ModelRow) -> bool:
    """Whether the last snapshot says of a head that it came to err more since the one before."""
    if not row.heads:
        return False
    before = row.heads[1].learned_count if len(row.heads) > 1 else 0
    return any(each.drifted_at > before for each in row.heads[0].qualities)


def _wins(rival: ModelRow, row: ModelRow) -> bool:
    """Whether a rival is better than its model by their last snapshots: a lower log-loss in the
    mean of the heads that both have judged.
    """
    if not rival.is_rival or not rival.heads or not row.heads:
        return False
    if rival.heads[0].learned_count < WINS_FROM:
        return False
    ours = {each.head: each.log_loss for each in row.heads[0].qualities}
    margins = [
        ours[each.head] - each.log_loss
        for each in rival.heads[0].qualities
        if not isnan(each.log_loss)
        and not isnan(ours.get(each.head, each.log_loss))
        and each.head in ours
    ]
    return bool(margins) and sum(margins) > 0.0


def promote(name: str, row: ModelRow, shadow: ModelRow, memory: Memory, ctx: Context) -> ModelRow:
    """Put a shadow in its model's place; the model's row as it is then."""
    model = memory.catch_up(shadow_of(name), shadow, ctx, 0)
    head, chunks = model.snapshot(name, row.count)
    # Of another model it is not known what its chances are worth.
    after = publish(name, replace(row, era=row.era + 1, stakes=Stakes()), head, chunks, ctx)
    end(shadow_of(name), shadow, ctx)
    return after


def end(name: str, row: ModelRow, ctx: Context) -> None:
    """Forget a shadow."""
    withdraw(name, row, ctx)
    learned = ctx.table(LEARNED)
    for key in [key for key, _ in learned.scan(f"{name}/")]:
        learned.delete(key)
    ctx.table(MODELS).delete(name)
    ctx.wake_at(name, 0)
