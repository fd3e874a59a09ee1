"""The classifier of alerts: all heads on one table of hashed rows, scored and learned together.

A softmax per head over shared rows, AdaGrad, and per head a calibration, rolling figures and a
watch for drift. Memory is constant: ROWS x columns x 8 bytes, 28 MB, of which the system gives
only what was touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Final

from pipeline.domain.alert import NAN
from pipeline.domain.model import EVIDENCE_MAX, LABEL_CHARS_MAX, Belief, Features, Quality, Snapshot
from pipeline.models.drift.policy import Drifted, Policy, decide
from pipeline.models.drift.rolling import HORIZON
from pipeline.models.drift.watch import Watch
from pipeline.models.features.hashing import ROWS
from pipeline.models.softmax.head import JUDGED_EVERY, JUDGED_FIRST, Head, chances
from pipeline.models.softmax.labels import Labels
from pipeline.models.softmax.table import Floats, Table

COLUMNS: Final[Mapping[str, int]] = {
    "category": 14, "severity": 5, "urgency": 3, "impact": 4, "team": 24, "noise": 2,
    "self_resolving": 2,
}  # fmt: skip
"""How many labels each head can hold at a time."""

RATE: Final = 0.3
RATES: Final[Mapping[str, float]] = {"noise": 0.05, "self_resolving": 0.05}
"""Steps of the heads whose answer is a matter of chance: large ones would follow each outcome."""


class Softmax:
    """Learns what turned out of incidents and scores new ones; see domain.model.Model."""

    def __init__(
        self, columns: Mapping[str, int] = COLUMNS, rows: int = ROWS, on_drift: Policy = "warn"
    ) -> None:
        self.heads: list[Head] = []
        start = 0
        for name, count in columns.items():
            self.heads.append(Head(name, start, Labels(count)))
            start += count
        rates = [RATES.get(name, RATE) for name, count in columns.items() for _ in range(count)]
        self.table = Table(rows, rates)
        self.on_drift: Policy = on_drift
        self.learned_count = 0
        self.version = "0"
        self.watches = [Watch() for _ in self.heads]

    def score(self, features: Features, *, is_explained: bool = False) -> tuple[Belief, ...]:
        """One belief for each head that knows a label; changes nothing."""
        table = self.table
        spoken = table.weights.take(table.index(features.rows), axis=0)
        logits = table.logits(spoken)
        beliefs = []
        for head in self.heads:
            known = head.labels
            names = known.names
            if not names:
                continue
            start = head.start
            found = chances(logits[start : start + len(names)], head.temperature.beta)
            highest = max(found)
            at = found.index(highest)
            label = names[at]
            beliefs.append(
                Belief(
                    head.name,
                    label,
                    head.bins.confidence(highest, known.outcomes_count),
                    (label,)
                    if head.conformal.is_alone(highest)
                    else tuple([names[n] for n in head.conformal.conforming(found)]),
                    self._evidence(features.tokens, spoken[:, start + at]) if is_explained else (),
                )
            )
        return tuple(beliefs)

    @staticmethod
    def _evidence(tokens: tuple[str, ...], spoken: Floats) -> tuple[tuple[str, float], ...]:
        """The tokens that spoke most for a label; `spoken` are their weights, [rows]."""
        if len(tokens) != len(spoken):
            return ()
        heaviest = sorted(zip(spoken.tolist(), tokens, strict=True), reverse=True)
        return tuple([(token, weight) for weight, token in heaviest[:EVIDENCE_MAX] if weight > 0])

    def learn(self, features: Features, labels: Mapping[str, str]) -> None:
        """Learn what turned out. An unknown head, and a label that is empty or longer than
        LABEL_CHARS_MAX, is passed over.
        """
        table = self.table
        index = table.index(features.rows)
        spoken = table.weights.take(index, axis=0)
        logits = table.logits(spoken)
        slopes = [0.0] * table.columns
        forgotten: list[int] = []
        has_learned = False
        for number, head in enumerate(self.heads):
            label = labels.get(head.name)
            if not label or len(label) > LABEL_CHARS_MAX:
                continue
            has_learned = True
            known, start = head.labels, head.start
            odds = logits[start : start + len(known.names)]
            truth = known.columns.get(label, -1)
            if odds:
                is_error = truth < 0 or odds[truth] != max(odds)
                count = known.outcomes_count
                if count <= JUDGED_FIRST or not count % JUDGED_EVERY:
                    head.judge(odds, truth)
                if self.watches[number].learn(is_error):
                    self._follow(number, odds, forgotten)
                head.error_rate += (is_error - head.error_rate) / min(count + 1, HORIZON)
            if truth < 0:
                truth = self._admit(head, label, odds, forgotten)
            known.count(truth)
            highest = max(odds)
            powers = [exp(each - highest) for each in odds]
            share = 1.0 / sum(powers)
            pull = [each * share for each in powers]
            pull[truth] -= 1.0
            slopes[start : start + len(pull)] = pull
        if not has_learned:
            return
        self.learned_count += 1
        for column in forgotten:
            table.forget(column)
            spoken[:, column] = 0.0
        table.step(index, spoken, slopes)

    @staticmethod
    def _admit(head: Head, label: str, odds: list[float], forgotten: list[int]) -> int:
        """Give a new label its column, of which nothing is known."""
        at, has_forgotten = head.labels.admit(label)
        if has_forgotten:
            forgotten.append(head.start + at)
            odds[at] = 0.0
        else:
            odds.append(0.0)
        return at

    def _follow(self, number: int, odds: list[float], forgotten: list[int]) -> None:
        """Do what the policy says about a drift of one head."""
        head = self.heads[number]
        drifted = Drifted(head.name, head.error_rate, self.watches[number].error_rate)
        action = decide(self.on_drift, drifted)
        if action != "none":
            head.drifts_count += 1
            head.drifted_at = self.learned_count
        if action == "reset":
            forgotten += range(head.start, head.start + len(odds))
            odds[:] = [0.0] * len(odds)

    def snapshot(self, name: str, offset: int) -> tuple[Snapshot, tuple[bytes, ...]]:
        """All that it has learned; `offset` is the next one in `outcomes`."""
        from pipeline.models.softmax.kept import snapshot_of  # noqa: PLC0415 - it builds on this

        return snapshot_of(self, name, offset)

    def qualities(self) -> tuple[Quality, ...]:
        """How good each head is now, on what it had not yet learned."""
        return tuple(
            Quality(
                head=head.name,
                outcomes_count=head.labels.outcomes_count,
                accuracy=1.0 - head.error_rate if head.rolling.judged_count else NAN,
                log_loss=head.rolling.log_loss if head.rolling.judged_count else NAN,
                calibration_error=head.rolling.calibration_error,
                pr_auc=head.rolling.pr_auc,
                drifts_count=head.drifts_count,
                drifted_at=head.drifted_at,
            )
            for head in self.heads
        )
