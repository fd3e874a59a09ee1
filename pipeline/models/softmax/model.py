"""The classifier of alerts: all heads on one table of hashed rows, scored and learned together.

A softmax per head over shared rows, AdaGrad, and per head a calibration, rolling figures and a
watch for drift. Memory is constant: ROWS x columns x 8 bytes, 28 MB, of which the system gives
only what was touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import Any, Final

import numpy as np

from pipeline.domain.alert import NAN
from pipeline.domain.model import EVIDENCE_MAX, LABEL_CHARS_MAX, Belief, Features, Quality, Snapshot
from pipeline.models.drift.policy import Drifted, Policy, decide
from pipeline.models.drift.watch import Watch
from pipeline.models.features.hashing import ROWS
from pipeline.models.softmax.head import (
    JUDGED_EVERY,
    JUDGED_EVERY_OF_TWO,
    JUDGED_FIRST,
    SUM_MIN,
    Head,
    chances,
    exponentials,
)
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
        for number, (name, count) in enumerate(columns.items()):
            every = JUDGED_EVERY_OF_TWO if count == 2 else JUDGED_EVERY  # noqa: PLR2004
            self.heads.append(Head(name, start, 1 << number, Labels(count), every))
            start += count
        rates = [RATES.get(name, RATE) for name, count in columns.items() for _ in range(count)]
        self.table = Table(rows, rates)
        self.on_drift: Policy = on_drift
        self.learned_count = 0
        self.version = "0"
        self.watches = {head.name: Watch() for head in self.heads}
        self._by_column: Any = None
        self._floors: dict[int, Floats] = {}

    def score(self, features: Features, *, is_explained: bool = False) -> tuple[Belief, ...]:
        """One belief for each head that knows a label; changes nothing."""
        _, spoken = self.table.gather(features.rows)
        odds = (np.add.reduce(spoken, 0) * self._betas()).tolist()
        powers = exponentials(odds)
        beliefs = []
        for head in self.heads:
            known = head.labels
            names = known.names
            if not names:
                continue
            start = head.start
            found = powers[start : start + len(names)]
            total = fsum(found)
            if total < SUM_MIN:
                found, total = chances(odds[start : start + len(names)], 1.0), 1.0
            top = max(found)
            highest, at = top / total, found.index(top)
            beliefs.append(
                Belief(
                    head.name,
                    names[at],
                    head.bins.confidence(highest, known.outcomes_count),
                    (names[at],)
                    if head.conformal.is_alone(highest)
                    else tuple([names[n] for n in head.conformal.conforming(found, total)]),
                )
            )
        if is_explained and beliefs:
            return self._explained(beliefs, features.tokens, spoken)
        return tuple(beliefs)

    def _explained(
        self, beliefs: list[Belief], tokens: tuple[str, ...], spoken: Floats
    ) -> tuple[Belief, ...]:
        """The beliefs with the tokens that spoke most for their labels."""
        if len(tokens) != len(spoken):
            return tuple(beliefs)
        heads = [head for head in self.heads if head.labels.names]
        winners = [
            head.start + head.labels.columns[belief.label]
            for head, belief in zip(heads, beliefs, strict=True)
        ]
        weights = spoken.take(winners, axis=1).T
        # A stable sort: which of two equal weights comes first is the same on every machine.
        heaviest = (-weights).argsort(axis=1, kind="stable")[:, :EVIDENCE_MAX].tolist()
        return tuple(
            [
                Belief(
                    each.head,
                    each.label,
                    each.confidence,
                    each.candidates,
                    tuple([(tokens[at], by_row[at]) for at in places if by_row[at] > 0]),
                )
                for each, places, by_row in zip(beliefs, heaviest, weights.tolist(), strict=True)
            ]
        )

    def _betas(self) -> Any:
        """The inverse temperature of each column; made anew after one of them has changed."""
        if self._by_column is None:
            widths = [head.labels.columns_max for head in self.heads]
            betas = [head.temperature.beta for head in self.heads]
            self._by_column = np.repeat(np.array(betas), widths)
        return self._by_column

    def learn(self, features: Features, labels: Mapping[str, str]) -> None:
        """Learn what turned out. An unknown head, and a label that is empty or longer than
        LABEL_CHARS_MAX, is passed over.
        """
        table = self.table
        index, spoken = table.gather(features.rows)
        odds = np.add.reduce(spoken, 0).tolist()
        powers = exponentials(odds)
        slopes = [0.0] * table.columns
        forgotten: list[int] = []
        learned = 0
        for head in self.heads:
            label = labels.get(head.name)
            if not label:
                continue
            known, start = head.labels, head.start
            truth = known.columns.get(label, -1)
            if truth < 0 and len(label) > LABEL_CHARS_MAX:
                continue
            learned |= head.bit
            found = powers[start : start + len(known.names)]
            total = fsum(found)
            if found:
                # What has more than half is the highest: no need to look for it.
                if truth < 0 or (2.0 * found[truth] <= total and found[truth] < max(found)):
                    head.errors_count += 1
                count = known.outcomes_count
                if count <= JUDGED_FIRST or not count % head.every:
                    self._judge(head, odds[start : start + len(found)], truth, found, forgotten)
                    total = fsum(found)
            if truth < 0:
                truth = self._admit(head, label, found, forgotten)
                total = fsum(found)
            known.counts[truth] += 1.0
            known.outcomes_count += 1
            if total < SUM_MIN:
                found, total = chances(odds[start : start + len(found)], 1.0), 1.0
            share = 1.0 / total
            pull = [each * share for each in found]
            pull[truth] -= 1.0
            slopes[start : start + len(pull)] = pull
        if not learned:
            return
        self.learned_count += 1
        for column in forgotten:
            table.forget(column)
            spoken[:, column] = 0.0
        table.step(index, spoken, slopes, self._floor(learned))

    def _floor(self, learned: int) -> Floats:
        """The floor by column for an outcome that has labels for some heads."""
        found = self._floors.get(learned)
        if found is None:
            columns: list[int] = []
            for head in self.heads:
                if head.bit & learned:
                    columns += range(head.start, head.start + len(head.labels.names))
            found = self._floors[learned] = self.table.floor(columns)
        return found

    def _admit(self, head: Head, label: str, found: list[float], forgotten: list[int]) -> int:
        """Give a new label its column, of which nothing is known."""
        self._floors.clear()
        at, has_forgotten = head.labels.admit(label)
        if has_forgotten:
            forgotten.append(head.start + at)
            found[at] = 1.0
        else:
            found.append(1.0)
        return at

    def _judge(
        self, head: Head, odds: list[float], truth: int, found: list[float], forgotten: list[int]
    ) -> None:
        """Judge a head at the end of a block, and do what the policy says about a drift."""
        head.judge(odds, truth)
        self._by_column = None
        watch = self.watches[head.name]
        if not watch.learn(head.end_block()):
            return
        drifted = Drifted(head.name, head.error_rate, watch.error_rate)
        action = decide(self.on_drift, drifted)
        if action != "none":
            head.drifts_count += 1
            head.drifted_at = self.learned_count
        if action == "reset":
            forgotten += range(head.start, head.start + len(found))
            found[:] = [1.0] * len(found)

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
