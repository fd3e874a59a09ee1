"""One pass of foresight over an estate, asked of every service every five minutes, with rivals
that are asked and taught at the same instants: two simple rules, River's logistic regression on
the same features, and what one would reach who was told which alerts announce something.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from time import process_time
from typing import Any, Final
from unittest.mock import patch

from msgspec import Struct

from pipeline.domain.foresight import (
    HEAD,
    STEP_MS,
    Counts,
    Question,
    alerted,
    changed,
    opened,
)
from pipeline.domain.model import NO, YES
from pipeline.models.foresight.kind import KIND
from pipeline.models.yesno.logistic import Logistic
from pipeline.stages.foresee.waiting import (
    Waiting,
    answer,
    came,
    features_of,
    settled,
    with_answer,
)
from tests.bench.learning import precursors
from tests.bench.learning.foreseen import (
    Openings,
    Point,
    Reached,
    average_precision,
    best,
    is_followed,
    openings,
    within,
)
from tests.bench.learning.precursors import DAYS, LASTS_MS, START_MS, Estate, Event, Fired, estate

LEARNING_SHARE: Final = 0.3
"""Of the days, at the beginning: what is said then is not counted."""

FROM_MS: Final = START_MS + int(LASTS_MS / STEP_MS * LEARNING_SHARE) * STEP_MS
COUNTED_DAYS: Final = DAYS * (1 - LEARNING_SHARE)
SHORT_MS: Final = 1_800_000


class Figures(Struct, frozen=True):
    """PR-AUC, and what is reached with at most two and at most ten false alarms a day."""

    pr_auc: float
    at_two: Reached
    at_ten: Reached


def figures(points: Sequence[Point], opened: Openings) -> Figures:
    """The figures of the points after the days of learning."""
    counted = [each for each in points if each.at_ms >= FROM_MS]
    later = within(opened, FROM_MS, START_MS + LASTS_MS)
    return Figures(
        average_precision((each.score, is_followed(each, opened)) for each in counted),
        best(counted, later, COUNTED_DAYS, 2.0),
        best(counted, later, COUNTED_DAYS, 10.0),
    )


class Beside:
    """A model that is asked and taught together with River's, which never sees more."""

    def __init__(self, own: Logistic, river: Any) -> None:
        self._own, self._river = own, river
        self.said = 0.0
        self.river_s = 0.0

    def chance(self, rows: Sequence[int], values: Sequence[float]) -> float:
        begun = process_time()
        given = dict(zip(rows, values, strict=True))
        self.said = self._river.predict_proba_one(given).get(True, 0.0)
        self.river_s += process_time() - begun
        return self._own.chance(rows, values)

    def learn(
        self, rows: Sequence[int], values: Sequence[float], weight: float, *, is_yes: bool
    ) -> None:
        begun = process_time()
        self._river.learn_one(dict(zip(rows, values, strict=True)), is_yes)
        self.river_s += process_time() - begun
        self._own.learn(rows, values, weight, is_yes=is_yes)


class Lived:
    """The services of an estate as the stage `foresee` keeps them, and the model that they teach.

    Unlike the stage it asks about every service at every step, also where nothing happened.
    """

    def __init__(self) -> None:
        self.model = KIND.fresh()
        self._counts: dict[str, Counts] = {}
        self._waiting: dict[str, Waiting] = {}

    def happens(self, each: Fired | Event, *, is_change: bool) -> None:
        counts = self._of(each.service, each.at_ms)
        if isinstance(each, Fired):
            counts = alerted(counts, each.rule, each.rank, each.at_ms)
        elif is_change:
            counts = changed(counts, each.at_ms)
        else:
            counts = opened(counts, each.at_ms)
            waiting = self._waiting.get(each.service, ())
            self._waiting[each.service], foretold, harmless = came(waiting, each.at_ms)
            self._learn(harmless, NO)
            self._learn(foretold, YES)
        self._counts[each.service] = counts

    def risk(self, service: str, needs: Sequence[str], at_ms: int) -> float:
        counts = self._counts[service] = self._of(service, at_ms)
        near = tuple([self._counts[each] for each in needs if each in self._counts])
        features = KIND.features(Question(counts, near, at_ms))
        waiting, harmless = settled(self._waiting.get(service, ()), at_ms)
        self._learn(harmless, NO)
        self._waiting[service] = with_answer(waiting, answer(features, at_ms))
        return self.model.chance(features)

    def _of(self, service: str, at_ms: int) -> Counts:
        return self._counts.get(service) or Counts(known_at_ms=at_ms)

    def _learn(self, answers: Waiting, label: str) -> None:
        for each in answers:
            self.model.learn(features_of(each), {HEAD: label})


class Said(Struct):
    """What was said at every step, by name of who said it, and µs of CPU per question."""

    points: dict[str, list[Point]]
    cost_us: dict[str, float]


OWN, RIVER = "foresight", "River LogisticRegression(AdaGrad .1), same features"
RATIO, SEVERE = "rule: 5 min rate / 7 d rate", "rule: severe alerts in 30 min"


def foretell(given: Estate, *, with_river: bool) -> Said:
    """One pass; the rules count exactly, within sliding windows."""
    lived, beside = Lived(), None
    if with_river:
        from river import linear_model, optim

        river = linear_model.LogisticRegression(optimizer=optim.AdaGrad(0.1))
        beside = Beside(lived.model._logistic, river)
        lived.model._logistic = beside  # type: ignore[assignment]
    said: dict[str, list[Point]] = defaultdict(list)
    fired: dict[str, list[int]] = defaultdict(list)
    severe: dict[str, list[int]] = defaultdict(list)
    spent = 0.0
    happened: list[Fired | Event] = [*given.alerts, *given.changes, *given.incidents]
    happened.sort(key=lambda each: each.at_ms)
    changes = frozenset(map(id, given.changes))
    place = 0
    for at_ms in range(START_MS, START_MS + LASTS_MS, STEP_MS):
        begun = process_time()
        while place < len(happened) and happened[place].at_ms <= at_ms:
            each = happened[place]
            place += 1
            lived.happens(each, is_change=id(each) in changes)
            if isinstance(each, Fired):
                fired[each.service].append(each.at_ms)
                if each.rank >= 3:
                    severe[each.service].append(each.at_ms)
        for name, needs in given.needs.items():
            said[OWN].append(Point(at_ms, name, lived.risk(name, needs, at_ms)))
            if beside is not None:
                said[RIVER].append(Point(at_ms, name, beside.said))
        spent += process_time() - begun
        for name in given.needs:
            ratio = (_since(fired[name], at_ms - STEP_MS) + 1e-3) / (
                _since(fired[name], at_ms - 7 * 86_400_000) / 2_016 + 2e-3
            )
            said[RATIO].append(Point(at_ms, name, ratio))
            count = _since(severe[name], at_ms - SHORT_MS)
            said[SEVERE].append(Point(at_ms, name, float(count)))
    asked = len(said[OWN])
    river_s = beside.river_s if beside else 0.0
    return Said(said, {OWN: 1e6 * (spent - river_s) / asked, RIVER: 1e6 * river_s / asked})


def _since(instants: Sequence[int], from_ms: int) -> int:
    return len(instants) - bisect_right(instants, from_ms)


def told(seed: int) -> list[Point]:
    """About the ceiling: chances, counted in hindsight on the same estate, by one who knows of
    every alert whether it announces something, and nothing else.
    """
    announced: list[tuple[str, list[int]]] = []
    original = precursors._Making.announce

    def announce(making: Any, trouble: Any, service: str, at_ms: float) -> None:
        before = len(making.alerts)
        original(making, trouble, service, at_ms)
        announced.append((service, sorted(each.at_ms for each in making.alerts[before:])))

    with patch.object(precursors._Making, "announce", announce):
        given = estate(seed)
    opened = openings((each.service, each.at_ms) for each in given.incidents)
    needed: dict[str, list[str]] = defaultdict(list)
    for service, needs in given.needs.items():
        for each in needs:
            needed[each].append(service)
    known: dict[tuple[str, int], tuple[int, ...]] = {}
    for service, instants in announced:
        first = (instants[0] - START_MS) // STEP_MS + 1
        last = (instants[-1] + 3_600_000 - START_MS) // STEP_MS
        for at_ms in range(START_MS + first * STEP_MS, START_MS + last * STEP_MS, STEP_MS):
            before = instants[: bisect_right(instants, at_ms)]
            age = min(8, (at_ms - before[-1]) // 180_000)
            lasts = min(6, (at_ms - instants[0]) // 600_000)
            count = min(12, len(before))
            is_over = _is_open(opened.get(service, ()), instants[0], at_ms)
            known[service, at_ms] = (0, count, age, lasts, is_over)
            for other in needed[service]:
                is_over = _is_open(opened.get(other, ()), instants[0], at_ms)
                known.setdefault((other, at_ms), (1, count // 3, age // 3, 0, is_over))
    return _chances(known, given, opened)


def _is_open(instants: Sequence[int], from_ms: int, to_ms: int) -> bool:
    return any(from_ms <= each <= to_ms for each in instants)


def _chances(
    known: dict[tuple[str, int], tuple[int, ...]], given: Estate, opened: Openings
) -> list[Point]:
    cells: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0])
    for (service, at_ms), cell in known.items():
        cells[cell][0] += is_followed(Point(at_ms, service, 0.0), opened)
        cells[cell][1] += 1
    found = []
    for at_ms in range(START_MS, START_MS + LASTS_MS, STEP_MS):
        for service in given.needs:
            yes, count = cells.get(known.get((service, at_ms), ()), (0, 0))
            found.append(Point(at_ms, service, (yes + 0.05) / (count + 10)))
    return found
