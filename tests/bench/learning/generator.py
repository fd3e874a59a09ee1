"""The synthetic stream: seeded alerts with seven labels each, and the best that can be known.

Rules and services follow Zipf's law; senders word one fact in seven ways and paraphrase it;
labels carry noise; new services appear; a re-organisation moves teams. For every head the stream
knows the probability of each label given all that made it, so the ceiling (Bayes accuracy) is
computed. A model sees less than that, so the ceiling is an upper bound.
`python -m tests.bench.learning.generator [COUNT]` prints the ceilings.
"""

from __future__ import annotations

import math
import random
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from statistics import fmean
from typing import Final, NamedTuple

from pipeline.domain.alert import Alert
from tests.bench.learning.estate import (
    CATEGORIES,
    DISSOLVED,
    NEW_TEAM,
    PLATFORM_TEAMS,
    REORGANISED_AT,
    RULES,
    TEAMS,
    Rule,
    Service,
    pick,
    rules,
    services,
)
from tests.bench.learning.vendors import Place, vendor_of, written

SEED: Final = 20_260
CHECK_SEED: Final = 74_747
"""Another world of the same kind: nothing is chosen on it."""

COUNT: Final = 100_000
STEP_MS: Final = 6_000
START_MS: Final = 1_767_225_600_000
DAY_MS: Final = 86_400_000

HEADS: Final = ("category", "severity", "urgency", "impact", "team", "noise", "self_resolving")
LABEL_NOISE: Final = {
    "category": 0.02, "severity": 0.03, "urgency": 0.03, "impact": 0.03, "team": 0.03,
}  # fmt: skip
"""With this probability a label is drawn evenly from all labels of its head."""

ENVIRONMENTS: Final = ("production",) * 7 + ("staging",) * 2 + ("dev",)
REGIONS: Final = ("eu-west-1", "eu-central-1", "us-east-1", "ap-south-1")
ZIPF_SERVICES: Final = 0.9
ZIPF_RULES: Final = 1.1

LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "category": (*dict.fromkeys(CATEGORIES.values()), "security/access", "business/experience"),
    "severity": ("critical", "error", "warning", "info"),
    "urgency": ("high", "medium", "low"),
    "impact": ("high", "medium", "low"),
    "team": (*TEAMS, *dict.fromkeys(PLATFORM_TEAMS.values()), NEW_TEAM),
    "noise": ("yes", "no"),
    "self_resolving": ("yes", "no"),
}


class Example(NamedTuple):
    """One alert with what a catalog says of its service, its labels, and per head the highest
    probability that any label had (the chance of the best possible guess).
    """

    alert: Alert
    tier: int
    dependents_count: int
    labels: dict[str, str]
    best: dict[str, float]


def _sigmoid(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds))


def _zipf(count: int, exponent: float) -> list[float]:
    return list(accumulate((rank + 1) ** -exponent for rank in range(count)))


def _drawn(rng: random.Random, cumulated: Sequence[float], count: int) -> int:
    return bisect_right(cumulated, rng.random() * cumulated[count - 1], 0, count - 1)


def severity_of(rule: Rule, environment: str, tier: int) -> str:
    """What people would call it: less outside production, more where tier 1 is concerned."""
    if environment == "dev":
        return "info"
    if environment == "staging":
        return "warning" if rule.severity == "critical" else "info"
    if rule.severity == "critical":
        return "error" if tier == 3 else "critical"
    if rule.severity == "warning":
        return "error" if tier == 1 else "warning"
    return "info"


def urgency_of(severity: str, environment: str, noisy: float) -> str:
    """How soon somebody must look; a rule that is mostly noise can wait."""
    if environment != "production" or severity == "info":
        return "low"
    if severity == "critical":
        return "high"
    return "low" if noisy > 2.0 and severity == "warning" else "medium"


def impact_of(service: Service, environment: str, category: str, hour: int) -> str:
    """What it costs: by tier, by who needs the service, and for business in business hours."""
    if environment != "production":
        return "low"
    points = (3 - service.tier) + (service.dependents_count >= 8)
    points += category.startswith("business") and 8 <= hour < 18
    return "high" if points >= 3 else "medium" if points >= 1 else "low"


def team_of(rule: Rule, service: Service, environment: str, is_reorganised: bool) -> str:
    """Who takes it: in production a platform team for its own technologies, else the owner."""
    if environment == "production" and rule.group in PLATFORM_TEAMS:
        return PLATFORM_TEAMS[rule.group]
    return service.later_owner if is_reorganised else service.owner


class _World:
    """The estate of one seed, and its popularity."""

    def __init__(self, rng: random.Random) -> None:
        known = rules(rng)
        self.services = services(rng, known)
        # The order is the popularity: new services are no less busy than old ones.
        places = [(rng.random(), n) for n in range(len(self.services))]
        self.order = [n for _, n in sorted(places)]
        self.by_rank = _zipf(max(len(each.rules) for each in self.services), ZIPF_RULES)

    def popularity(self, progress: float) -> tuple[list[Service], list[float]]:
        """The services there are, and their cumulated weights."""
        alive = [
            (self.services[n], (rank + 1) ** -ZIPF_SERVICES)
            for rank, n in enumerate(self.order)
            if self.services[n].born_at <= progress
        ]
        return [each for each, _ in alive], list(accumulate(weight for _, weight in alive))


def stream(count: int = COUNT, seed: int = SEED) -> Iterator[Example]:
    """`count` examples, in order of time, 6 s apart; the same ones for the same seed and count.
    Raises FileNotFoundError where the shared rules are absent.
    """
    rng = random.Random(seed)
    world = _World(rng)
    alive: list[Service] = []
    weights: list[float] = []
    for number in range(count):
        if number % max(count // 100, 1) == 0:
            alive, weights = world.popularity(number / count)
        service = alive[_drawn(rng, weights, len(alive))]
        rule = service.rules[_drawn(rng, world.by_rank, len(service.rules))]
        yield _example(rng, number, number / count >= REORGANISED_AT, rule, service)


def _example(
    rng: random.Random, number: int, is_reorganised: bool, rule: Rule, service: Service
) -> Example:
    at_ms = START_MS + number * STEP_MS
    hour = at_ms % DAY_MS // 3_600_000
    environment = pick(rng, ENVIRONMENTS)
    host = f"{service.name}-{int(rng.random() * 40):02d}.{environment}.example"
    place = Place(
        service.name, environment, pick(rng, REGIONS), host, f"{rng.random() * 100:.1f}"
    )  # fmt: skip
    vendor = vendor_of(rng.random())
    said = written(rng, vendor, rule, rule.severity, place)
    alert = Alert(
        alert_id=f"synthetic-{number}", source=vendor, fingerprint=f"{number:016x}",
        name=said.name, description=said.description, severity=rule.severity,
        service=service.name, environment=environment, region=place.region, host=host,
        starts_at_ms=at_ms, received_at_ms=at_ms, labels=said.labels, tags=said.tags,
    )  # fmt: skip
    severity = severity_of(rule, environment, service.tier)
    truth = {
        "category": rule.category,
        "severity": severity,
        "urgency": urgency_of(severity, environment, rule.noisy),
        "impact": impact_of(service, environment, rule.category, hour),
        "team": team_of(rule, service, environment, is_reorganised),
    }
    labels, best = _noisy_labels(rng, truth, is_reorganised)
    quieter = 0.0 if environment == "production" else 1.0
    for head, odds in (
        ("noise", rule.noisy + service.noisy + quieter),
        ("self_resolving", rule.fleeting + 0.5 * service.noisy + 0.5 * quieter),
    ):
        chance = _sigmoid(odds)
        labels[head] = "yes" if rng.random() < chance else "no"
        best[head] = max(chance, 1.0 - chance)
    return Example(alert, service.tier, service.dependents_count, labels, best)


def _noisy_labels(
    rng: random.Random, truth: Mapping[str, str], is_reorganised: bool
) -> tuple[dict[str, str], dict[str, float]]:
    labels, best = {}, {}
    for head, label in truth.items():
        possible = LABELS[head]
        if head == "team":
            absent = DISSOLVED if is_reorganised else NEW_TEAM
            possible = tuple(each for each in possible if each != absent)
        share = LABEL_NOISE[head]
        labels[head] = pick(rng, possible) if rng.random() < share else label
        best[head] = 1.0 - share + share / len(possible)
    return labels, best


def ceilings(examples: Sequence[Example]) -> dict[str, float]:
    """Bayes accuracy per head on the last 20 %: the mean chance of the best possible guess."""
    last = examples[len(examples) * 4 // 5 :]
    return {head: fmean(each.best[head] for each in last) for head in HEADS}


def main(arguments: Sequence[str]) -> int:
    """Print the ceilings of both worlds."""
    if not RULES.exists():
        print(f"skipped: {RULES.name} is absent beside the checkout (../shared/datasets/rules)")
        return 0
    count = int(arguments[0]) if arguments else COUNT
    print("| seed | " + " | ".join(HEADS) + " |\n|" + "---|" * (len(HEADS) + 1))
    for seed in (SEED, CHECK_SEED):
        found = ceilings(list(stream(count, seed)))
        print(f"| {seed} | " + " | ".join(f"{100 * found[head]:.2f} %" for head in HEADS) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
