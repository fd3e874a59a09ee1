"""What people order of a model, at its place among the outcomes: each is applied or refused."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.outcome import Outcome, shadow_of
from pipeline.domain.stage import Context
from pipeline.stages.fit import reasons
from pipeline.stages.fit.memory import Memory
from pipeline.stages.fit.publish import go_back
from pipeline.stages.fit.shadow import begin, end, promote
from pipeline.stages.fit.tables import MODELS, ModelRow


class Answer(Struct, frozen=True):
    """What came of an order: `done` says it, or `why` why it is refused."""

    done: str = ""
    why: str = ""


class Orders:
    """Obeys; `first` is the least a shadow must have learned to be promoted."""

    def __init__(self, memory: Memory, first: int, names_max: int) -> None:
        self._memory = memory
        self._first = first
        self._names_max = names_max
        self._obey = {
            "rollback": self._rollback,
            "shadow": self._shadow,
            "unshadow": self._unshadow,
            "promote": self._promote,
        }

    def obey(self, order: Outcome, ctx: Context) -> None:
        """Do what is ordered, and say what came of it."""
        name = order.model
        row, obey = ctx.table(MODELS).get(name), self._obey.get(order.order)
        if row is None:
            answer = Answer(why=f"no outcome of a model {name} has come yet")
        elif obey is None:
            answer = Answer(why=f"{order.order!r} is no order; there are {', '.join(self._obey)}")
        else:
            answer = obey(name, row, ctx)
        facts = {"command_id": order.order_id, "model": name, "author": order.author}
        if answer.why:
            ctx.reason(reasons.REFUSED, result="refused", because=answer.why, **facts)
        else:
            ctx.reason(reasons.OBEYED, result="applied", done=answer.done, **facts)

    def _rollback(self, name: str, row: ModelRow, ctx: Context) -> Answer:
        if len(row.heads) < 2:  # noqa: PLR2004
            return Answer(why="there is no snapshot before the last one")
        after = go_back(name, row, ctx)
        ctx.table(MODELS).put(name, after)
        return Answer(f"back from {row.heads[0].version} to {after.heads[0].version}")

    def _shadow(self, name: str, row: ModelRow, ctx: Context) -> Answer:
        models, shadow = ctx.table(MODELS), shadow_of(name)
        if models.get(shadow) is not None:
            return Answer(why="it has a shadow already: promote it, or end it first")
        if sum(1 for _ in models.scan("")) >= self._names_max:
            return Answer(why=f"{self._names_max} models are learned already")
        begin(name, row, ctx)
        return Answer(f"{shadow} learns from now on")

    def _unshadow(self, name: str, _row: ModelRow, ctx: Context) -> Answer:
        shadow = ctx.table(MODELS).get(shadow_of(name))
        if shadow is None:
            return Answer(why="it has no shadow")
        end(shadow_of(name), shadow, ctx)
        return Answer("its shadow is ended")

    def _promote(self, name: str, row: ModelRow, ctx: Context) -> Answer:
        shadow = ctx.table(MODELS).get(shadow_of(name))
        if shadow is None:
            return Answer(why="it has no shadow")
        if shadow.count < self._first:
            return Answer(
                why=f"its shadow has learned {shadow.count} outcomes; {self._first} are needed"
            )
        after = promote(name, row, shadow, self._memory, ctx)
        ctx.table(MODELS).put(name, after)
        return Answer(f"its shadow decides from now on, as {after.heads[0].version}")
