"""How many alerts of intrusion detection become how few groups, and whether attacks are found.

`python -m tests.bench.learning.ait [choose]`. Each scenario of the data set is learned once, in
the order of its alerts' times, as one scope: host and name of the alert as host and signature.

An attack alert is one whose `event_label` is not "-"; a phase is one such label of one scenario.

* reduction: 1 - groups / alerts, standing groups and episodes alike.
* purity: the mean, over the groups that hold an attack alert, of the share that the group's most
  frequent `event_label` ("-" is one) has of its alerts. `by window` is the same with `time_label`,
  which calls all that happened during an attack by its name, where the other calls only lines
  that the attack wrote.
* attack share: as purity, with the most frequent attack label alone, "-" left out: stricter.
* raised: the groups that people are shown. This model raises its episodes, all of them, as they
  come. The simple rules know no such thing: theirs are ranked after the end, by alerts or by
  distinct host and name, whichever finds more, and the first are raised until more than
  FALSE_PER_DAY_MAX false ones a day would be, which flatters them.
* false a day: raised groups that hold no attack alert, per day of the scenario.
* phases found: the share of phases of which a raised group holds an attack alert. Phases gathered:
  the mean over phases of the share of its attack alerts that lie in one raised group.

`choose` gives, for a grid of settings, the figures of each scenario: what one scenario would choose
(of what keeps to every limit: most phases found, then purity to a hundredth, then fewest false),
and what that reaches on the others. What is set lies between what these two choose.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from math import fsum
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Final
from unittest.mock import patch

from msgspec import Struct

from pipeline.models.grouping import habit, incidents
from pipeline.models.grouping.incidents import Grouping

DATA: Final = Path(__file__).resolve().parents[3].parent / "shared" / "datasets" / "ait-ads"
REDUCTION_MIN: Final = 0.97
PURITY_MIN: Final = 0.95
FALSE_PER_DAY_MAX: Final = 50.0
NO_ATTACK: Final = "-"


class Alert(Struct, frozen=True):
    """One alert: `window` is its time_label, `label` its event_label."""

    at_s: int
    host: str
    name: str
    window: str
    label: str


class Group(Struct):
    """Alerts that were put together; whether people are shown them."""

    alerts: list[Alert]
    is_raised: bool = False

    @property
    def attacks(self) -> Counter[str]:
        """How many alerts of each attack it holds."""
        return Counter(each.label for each in self.alerts if each.label != NO_ATTACK)


class Figures(Struct, frozen=True):
    """What a grouping of one scenario comes to; see the top of this file."""

    reduction: float
    purity: float
    window_purity: float
    attack_share: float
    false_per_day: float
    found: float
    gathered: float

    @property
    def is_kept(self) -> bool:
        """Whether it keeps to what must be; the rest is to be compared."""
        return (
            self.reduction >= REDUCTION_MIN
            and self.purity >= PURITY_MIN
            and self.false_per_day <= FALSE_PER_DAY_MAX
        )

    def __str__(self) -> str:
        return (
            f"{100 * self.reduction:.2f} % | {self.purity:.3f} | {self.window_purity:.3f} | "
            f"{self.attack_share:.3f} | {self.false_per_day:.1f} | {self.found:.3f} | "
            f"{self.gathered:.3f}"
        )


HEADER: Final = (
    "reduction | purity | by window | attack share | false a day | phases found | gathered |"
)

Key = Callable[[Alert], Hashable]
RULES: Final[dict[str, tuple[int, Key]]] = {
    "gap 2 s": (2, lambda _: None),
    "gap 30 s": (30, lambda _: None),
    "gap 120 s per host": (120, lambda each: each.host),
    "gap 300 s per host": (300, lambda each: each.host),
    "gap 120 s per host and name": (120, lambda each: (each.host, each.name)),
    "gap 600 s per name": (600, lambda each: each.name),
}
"""The simple rules: a group ends where no alert of the same key comes for so long."""


def read(path: Path) -> list[Alert]:
    """The alerts of a scenario in the order of their times."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        alerts = [
            Alert(
                int(float(row["time"])), row["host"], row["name"], row["time_label"],
                row["event_label"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip
    return sorted(alerts, key=lambda each: each.at_s)


def days(alerts: Sequence[Alert]) -> float:
    """How long a scenario takes."""
    return (alerts[-1].at_s - alerts[0].at_s) / 86_400


def by_model(alerts: Sequence[Alert]) -> list[Group]:
    """The groups after one pass; episodes are raised."""
    model, groups = Grouping(), dict[int, Group]()
    for each in alerts:
        placed = model.learn(each.host, each.name, 1000 * each.at_s)
        groups.setdefault(placed.group, Group([], placed.is_news)).alerts.append(each)
    return list(groups.values())


def by_rule(alerts: Sequence[Alert], gap_s: int, key: Key) -> list[Group]:
    """The groups of a simple rule, none raised."""
    open_groups: dict[Hashable, Group] = {}
    groups = []
    for each in alerts:
        group = open_groups.get(key(each))
        if group is None or each.at_s - group.alerts[-1].at_s > gap_s:
            group = open_groups[key(each)] = Group([])
            groups.append(group)
        group.alerts.append(each)
    return groups


def by_best_rank(alerts: Sequence[Alert], gap_s: int, key: Key) -> list[Group]:
    """The groups of a simple rule, as many raised as are allowed, by the rank that finds more."""

    def raise_by(rank: Callable[[Group], int]) -> list[Group]:
        false_left = FALSE_PER_DAY_MAX * days(alerts)
        groups = by_rule(alerts, gap_s, key)
        for group in sorted(groups, key=rank, reverse=True):
            false_left -= not group.attacks
            group.is_raised = false_left >= 0
        return groups

    by_size = raise_by(lambda each: len(each.alerts))
    by_variety = raise_by(lambda each: len({(one.host, one.name) for one in each.alerts}))
    return max(by_size, by_variety, key=lambda each: figures(alerts, each).found)


def largest_share(labels: Sequence[str]) -> float:
    """The share of the most frequent."""
    return Counter(labels).most_common(1)[0][1] / len(labels)


def figures(alerts: Sequence[Alert], groups: Sequence[Group]) -> Figures:
    """All figures of a grouping."""
    attacked = [each for each in groups if each.attacks]
    raised = [each for each in groups if each.is_raised]
    phases = Counter(each.label for each in alerts if each.label != NO_ATTACK)
    gathered: dict[str, int] = defaultdict(int)
    for group in raised:
        for label, count in group.attacks.items():
            gathered[label] = max(gathered[label], count)
    return Figures(
        reduction=1 - len(groups) / len(alerts),
        purity=fmean(largest_share([each.label for each in g.alerts]) for g in attacked),
        window_purity=fmean(largest_share([each.window for each in g.alerts]) for g in attacked),
        attack_share=fmean(max(g.attacks.values()) / len(g.alerts) for g in attacked),
        false_per_day=sum(not each.attacks for each in raised) / days(alerts),
        found=len(gathered) / len(phases),
        gathered=fmean(gathered[label] / count for label, count in phases.items()),
    )


def pooled(parts: Sequence[tuple[Sequence[Alert], Sequence[Group], Figures]]) -> Figures:
    """The figures of several scenarios: alerts, groups, attacked groups, days and phases of all."""

    def mean(name: str, weights: Sequence[float]) -> float:
        values = [float(getattr(part[2], name)) for part in parts]
        return fsum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)

    attacked = [sum(bool(each.attacks) for each in groups) for _, groups, _ in parts]
    phases = [len({each.label for each in alerts} - {NO_ATTACK}) for alerts, _, _ in parts]
    return Figures(
        reduction=mean("reduction", [len(alerts) for alerts, _, _ in parts]),
        purity=mean("purity", attacked),
        window_purity=mean("window_purity", attacked),
        attack_share=mean("attack_share", attacked),
        false_per_day=mean("false_per_day", [days(alerts) for alerts, _, _ in parts]),
        found=mean("found", phases),
        gathered=mean("gathered", phases),
    )


def table(scenarios: dict[str, list[Alert]]) -> bool:
    """Print the model and the simple rules; whether the model keeps to what it must."""
    print(f"\n| scenario | grouping | {HEADER}\n" + "|---" * 9 + "|")
    ways: dict[str, Callable[[Sequence[Alert]], list[Group]]] = {"**news and standing**": by_model}
    for name, (gap_s, key) in RULES.items():
        ways[name] = lambda alerts, gap_s=gap_s, key=key: by_best_rank(alerts, gap_s, key)  # type: ignore[misc]
    totals: dict[str, Figures] = {}
    for way, group in ways.items():
        parts = []
        for scenario, alerts in scenarios.items():
            groups = group(alerts)
            parts.append((alerts, groups, figures(alerts, groups)))
            if group is by_model:
                print(f"| {scenario} | {way} | {parts[-1][2]} |")
        totals[way] = pooled(parts)
        print(f"| all | {way} | {totals[way]} |")
    print("\nPublished for all eight scenarios: reduction up to 98.93 % (Landauer et al., 2024).")
    found = totals.pop("**news and standing**")
    best = max((each.found, each.gathered) for each in totals.values())
    return found.is_kept and (found.found, found.gathered) > best


def speed(scenarios: dict[str, list[Alert]]) -> None:
    """Print what an alert costs."""
    for name, alerts in scenarios.items():
        model, started = Grouping(), process_time()
        for each in alerts:
            model.learn(each.host, each.name, 1000 * each.at_s)
        each_us = 1e6 * (process_time() - started) / len(alerts)
        print(
            f"\n{name}: {each_us:.1f} µs of CPU per alert, {len(model.snapshot()) / 1024:.0f} KiB"
        )


def choose(scenarios: dict[str, list[Alert]]) -> None:
    """Print what each scenario would choose, and what that reaches on every scenario."""
    found: dict[tuple[int, int], dict[str, Figures]] = {}
    for hours in (4, 6, 8, 10, 12):
        for quiet_s in (3, 5, 7, 10, 15, 30):
            with (
                patch.object(habit, "NEWS_MS", 3_600_000 * hours),
                patch.object(incidents, "NEWS_MS", 3_600_000 * hours),
                patch.object(incidents, "QUIET_MS", 1000 * quiet_s),
            ):
                found[hours, quiet_s] = {
                    name: figures(alerts, by_model(alerts)) for name, alerts in scenarios.items()
                }
    for name in scenarios:
        best = max(
            found.items(),
            key=lambda each: (
                each[1][name].is_kept,
                each[1][name].found,
                round(each[1][name].purity, 2),
                -each[1][name].false_per_day,
            ),
        )
        print(f"\n{name} chooses: news is rarer than {best[0][0]} h, quiet {best[0][1]} s\n")
        print(f"| on | {HEADER}\n" + "|---" * 8 + "|")
        for other, reached in best[1].items():
            print(f"| {other} | {reached} |")


def main(arguments: Sequence[str]) -> int:
    """Print all tables; 1 where the grouping misses what it must reach."""
    scenarios = {
        path.name.partition("_")[0]: read(path) for path in sorted(DATA.glob("*_alerts.csv.gz"))
    }
    if not scenarios:
        print("skipped: no *_alerts.csv.gz beside the checkout (../shared/datasets/ait-ads)")
        return 0
    if "choose" in arguments:
        choose(scenarios)
        return 0
    is_kept = table(scenarios)
    speed(scenarios)
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
