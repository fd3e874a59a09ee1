"""Links: whether an alert joins an open incident, by the rule until enough has turned out.

What turned out are pairs that a person confirmed (left together, merged) or denied (split, left
apart). Until OUTCOMES_MIN of them are learned the dependency rule decides and the verdict says so.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from pipeline.models.link.pair import ROWS, VERSION, Pair, features
from pipeline.models.link.together import Together
from pipeline.models.snapshot.state import read_state
from pipeline.models.yesno.logistic import Logistic

FORMAT: Final = 1
OUTCOMES_MIN: Final = 500
JOIN_MIN: Final = 0.5
"""An alert joins the incident with the highest chance, if it is at least this; two that it would
join are one.
"""

RATE: Final = 0.1
BIAS: Final = -2.0


class Verdict(Struct, frozen=True):
    """Whether the two belong together, the chance, and whether that was learned or the rule's."""

    is_joined: bool
    chance: float
    is_learned: bool


class State(msgspec.Struct, frozen=True, array_like=True):
    """All that is kept."""

    format: int
    features_version: int
    outcomes: int
    weights: list[tuple[int, float, float]]
    total: float
    words: list[tuple[str, float]]
    pairs: list[tuple[str, float]]


class Links:
    """The links of one tenant, in the order in which they are decided and turn out."""

    def __init__(self) -> None:
        self._model = Logistic(ROWS, RATE, bias=BIAS)
        self._outcomes = 0
        self.together = Together()

    @property
    def outcomes_count(self) -> int:
        """How many pairs it has learned from."""
        return self._outcomes

    @property
    def is_learned(self) -> bool:
        """Whether it decides; else the rule does."""
        return self._outcomes >= OUTCOMES_MIN

    def judge(self, pair: Pair) -> Verdict:
        """Whether an alert and an incident belong together; changes nothing."""
        chance = self._model.chance(*features(pair))
        if not self.is_learned:
            return Verdict(pair.is_ruled, chance, is_learned=False)
        return Verdict(chance >= JOIN_MIN, chance, is_learned=True)

    def learn(self, pair: Pair, *, is_same: bool) -> None:
        """It turned out whether the two belong together."""
        self._model.learn(*features(pair), 1.0, is_yes=is_same)
        self._outcomes += 1

    def snapshot(self) -> bytes:
        """All that it has learned, as msgpack."""
        total, words, pairs = self.together.packed()
        return msgspec.msgpack.encode(
            State(FORMAT, VERSION, self._outcomes, self._model.packed(), total, words, pairs)
        )

    @classmethod
    def restore(cls, raw: bytes) -> Links:
        """The links of `snapshot`. Raises SnapshotError: `format` of another version, `features`
        of other features, `content` where it can not be read.
        """
        state = read_state(raw, State, "links", {"format": FORMAT, "features": VERSION})
        made = cls()
        made._model.unpack(state.weights)
        made._outcomes = state.outcomes
        made.together.unpack(state.total, state.words, state.pairs)
        return made
