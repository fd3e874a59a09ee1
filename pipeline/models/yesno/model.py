"""A model of one head that answers yes or no: logistic regression with figures that watch it.

It is the model of every kind but the incidents': what differs is a Shape and how subjects become
features. Figures have rows of their own, from 0 up; every other row counts alike. Scoring needs
neither numpy nor River.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from pipeline.domain.alert import NAN
from pipeline.domain.model import (
    EVIDENCE_MAX,
    NO,
    YES,
    Belief,
    Features,
    Quality,
    Snapshot,
)
from pipeline.models.drift.rolling import HORIZON, Rolling
from pipeline.models.drift.watch import Watch, WatchState
from pipeline.models.snapshot.chunks import described, fits, joined
from pipeline.models.snapshot.state import read_state
from pipeline.models.yesno.logistic import Logistic

EVEN: Final = 0.5

FIGURE_MAX: Final = 100.0
"""A figure beyond this counts as this, on either side: its square must stay a number."""


class Shape(Struct, frozen=True, kw_only=True):
    """What one kind of such models is.

    `figures` names the dense figures in their order, each the row with its number; rows are below
    `rows_count`, and a row of `Features.rows` counts `mark`. Nothing is believed before
    `outcomes_min` outcomes, `yes_min` of them YES. `bias` is the log-odds of row 0 to begin with,
    `rate` the step of AdaGrad. `kind` rises whenever the same outcomes make other weights.
    `is_chance`: what is asked is the chance of YES, so evidence is what speaks for that even where
    NO is likelier.
    """

    kind: str
    features_version: int
    head: str
    rows_count: int
    rate: float
    bias: float
    outcomes_min: int
    yes_min: int = 0
    figures: tuple[str, ...] = ()
    mark: float = 1.0
    is_chance: bool = False


class State(Struct, frozen=True, array_like=True):
    """All that a model has learned."""

    learned_count: int
    yes_count: int
    weights: list[tuple[int, float, float]]
    error_rate: float
    rolling: Rolling
    watch: WatchState
    drifts_count: int
    drifted_at: int


class YesNo:
    """See domain.model.Model."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._logistic = Logistic(shape.rows_count, shape.rate, bias=shape.bias)
        self._rolling = Rolling()
        self._watch = Watch()
        self._error_rate = 0.0
        self._drifts_count = 0
        self._drifted_at = -1
        self.learned_count = 0
        self.yes_count = 0
        self.version = "0"

    def chance(self, features: Features) -> float:
        """The chance of YES, 0 to 1, however little was learned; changes nothing."""
        return self._logistic.chance(*self._active(features))

    def score(self, features: Features, *, is_explained: bool = False) -> tuple[Belief, ...]:
        """One belief, once enough was learned: YES from an even chance on. Changes nothing."""
        shape = self._shape
        if self.learned_count < shape.outcomes_min or self.yes_count < shape.yes_min:
            return ()
        chance = self.chance(features)
        label, confidence = (YES, chance) if chance >= EVEN else (NO, 1.0 - chance)
        evidence = self._evidence(features, label) if is_explained else ()
        return (Belief(shape.head, label, confidence, (label,), evidence),)

    def learn(self, features: Features, labels: Mapping[str, str]) -> None:
        """Learn what turned out; what is neither YES nor NO is passed over."""
        label = labels.get(self._shape.head)
        if label not in (YES, NO):
            return
        is_yes = label == YES
        rows, values = self._active(features)
        chance = self._logistic.chance(rows, values)
        is_hit = (chance >= EVEN) == is_yes
        self._rolling.learn(
            max(chance, 1.0 - chance), chance if is_yes else 1.0 - chance, is_hit=is_hit
        )
        self._rolling.learn_chance(chance, is_yes=is_yes)
        self._logistic.learn(rows, values, 1.0, is_yes=is_yes)
        self.learned_count += 1
        self.yes_count += is_yes
        self._error_rate += (1.0 - is_hit - self._error_rate) / min(HORIZON, self.learned_count)
        before = self._watch.error_rate
        if self._watch.learn(1.0 - is_hit) and self._watch.error_rate > before:
            self._drifts_count += 1
            self._drifted_at = self.learned_count

    def qualities(self) -> tuple[Quality, ...]:
        """How good its head is now."""
        count, rolling = self.learned_count, self._rolling
        return (
            Quality(
                head=self._shape.head,
                outcomes_count=count,
                accuracy=1.0 - self._error_rate if count else NAN,
                log_loss=rolling.log_loss if count else NAN,
                calibration_error=rolling.calibration_error,
                pr_auc=rolling.pr_auc,
                drifts_count=self._drifts_count,
                drifted_at=self._drifted_at,
            ),
        )

    def snapshot(self, name: str, offset: int) -> tuple[Snapshot, tuple[bytes, ...]]:
        """All that it has learned; see domain.model.Model."""
        state = State(
            self.learned_count,
            self.yes_count,
            self._logistic.packed(),
            self._error_rate,
            self._rolling,
            self._watch.state(),
            self._drifts_count,
            self._drifted_at,
        )
        return described(
            msgspec.msgpack.encode(state),
            model=name,
            kind=self._shape.kind,
            features_version=self._shape.features_version,
            offset=offset,
            learned_count=self.learned_count,
            qualities=self.qualities(),
        )

    @classmethod
    def restored(cls, shape: Shape, head: Snapshot, chunks: Sequence[bytes]) -> YesNo:
        """The model of a snapshot, bit for bit. Raises SnapshotError."""
        fits(head, shape.kind, shape.features_version)
        what = f"snapshot {head.version} of {head.model}"
        state = read_state(joined(head, chunks), State, what, {})
        model = cls(shape)
        model._logistic.unpack(state.weights)
        model._error_rate = state.error_rate
        model._rolling = state.rolling
        model._watch = Watch(state.watch)
        model._drifts_count, model._drifted_at = state.drifts_count, state.drifted_at
        model.learned_count, model.yes_count = state.learned_count, state.yes_count
        model.version = head.version
        return model

    def _active(self, features: Features) -> tuple[list[int], list[float]]:
        """Rows and values, the figures first; what is no number counts nothing."""
        first = len(self._shape.figures)
        figures = features.dense[:first]
        values = [
            min(FIGURE_MAX, max(-FIGURE_MAX, each)) if math.isfinite(each) else 0.0
            for each in figures
        ]
        marked = [row for row in features.rows if first <= row < self._shape.rows_count]
        rows = [*range(len(values)), *marked]
        return rows, [*values, *[self._shape.mark] * len(marked)]

    def _evidence(self, features: Features, label: str) -> tuple[tuple[str, float], ...]:
        """What spoke for a label, the heaviest first, by the names of figures and tokens; what has
        one name counts together, and what has none is the bias.
        """
        names = dict(enumerate(self._shape.figures))
        names |= dict(zip(features.rows, features.tokens, strict=False))
        sign = 1.0 if label == YES or self._shape.is_chance else -1.0
        rows, values = self._active(features)
        spoke: dict[str, float] = {}
        for row, value in zip(rows, values, strict=True):
            name = names.get(row, "")
            weight = sign * self._logistic.weight_of(row) * value
            spoke[name] = spoke.get(name, 0.0) + weight
        spoke.pop("", None)
        heaviest = sorted(spoke.items(), key=lambda each: -each[1])
        return tuple([each for each in heaviest[:EVIDENCE_MAX] if each[1] > 0])


S = TypeVar("S")


class YesNoKind(Generic[S]):
    """A kind of such models: a Shape, and how its subjects become features."""

    def __init__(self, shape: Shape, features: Callable[[S], Features]) -> None:
        self._shape = shape
        self._features = features
        self.kind = shape.kind
        self.features_version = shape.features_version
        self.heads = (shape.head,)

    def features(self, subject: S) -> Features:
        """The features of a subject."""
        return self._features(subject)

    def fresh(self) -> YesNo:
        """A model that has learned nothing."""
        return YesNo(self._shape)

    def restore(self, head: Snapshot, chunks: Sequence[bytes]) -> YesNo:
        """The model of a snapshot, bit for bit. Raises SnapshotError."""
        return YesNo.restored(self._shape, head, chunks)
