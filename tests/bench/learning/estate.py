"""The invented company of the synthetic stream: rules, services, teams, and who owns what when.

The texts of its rules are those of the shared folder (read where they lie), with some forty of
our own for what that collection lacks: business figures and intrusions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

RULES: Final = (
    Path(__file__).resolve().parents[3].parent
    / "shared/datasets/rules/awesome-prometheus-alerts.yml"
)

SERVICES_AT_START: Final = 72
SERVICES_ADDED: Final = 8
"""New services at each of ADDED_AT."""

ADDED_AT: Final = (0.3, 0.5, 0.8)
REORGANISED_AT: Final = 0.6
MOVED_SHARE: Final = 0.3
"""Of the services of other teams than the dissolved one, at the re-organisation."""

TECHNOLOGIES_PER_SERVICE: Final = 9
OWN: Final = ("Business", "Intrusion")
"""The technologies of our own rules; every service has one of them or none."""

DOMAINS: Final = [
    "checkout",
    "payments",
    "ledger",
    "catalog",
    "search",
    "basket",
    "pricing",
    "shipping",
    "returns",
    "identity",
    "profile",
    "loyalty",
    "mail",
    "push",
    "invoice",
    "tax",
    "fraud",
    "partner",
    "warehouse",
    "stock",
    "media",
    "review",
    "support",
    "booking",
]
PARTS: Final = ("api", "worker", "gateway", "batch", "cache", "web")
TEAMS: Final = (
    "buying",
    "money",
    "discovery",
    "logistics",
    "accounts",
    "outreach",
    "partners",
    "care",
)
NEW_TEAM, DISSOLVED = "growth", "outreach"
PLATFORM_TEAMS: Final = {
    "Databases": "dba",
    "Orchestrators": "platform",
    "Cloud providers": "platform",
    "Network and security": "netops",
    "Intrusion": "secops",
}
"""Who takes alerts of these groups of rules in production, whoever owns the service."""

CATEGORIES: Final = {
    "Basic resource monitoring": "infrastructure/host",
    "Databases": "infrastructure/storage",
    "Message brokers": "application/messaging",
    "Proxies, load balancers and service meshes": "application/runtime",
    "Runtimes": "application/runtime",
    "Data engineering": "application/messaging",
    "Orchestrators": "infrastructure/platform",
    "CI/CD": "application/delivery",
    "Network and security": "infrastructure/network",
    "Storage": "infrastructure/storage",
    "Cloud providers": "infrastructure/platform",
    "Observability": "application/delivery",
    "Other": "infrastructure/host",
    "Business": "business/revenue",
    "Intrusion": "security/intrusion",
}
ACCESS_WORDS: Final = ("certificate", "tls", "ssl", "vault", "auth", "login", "token", "secret")
EXPERIENCE_WORDS: Final = ("slow", "abandoned", "complaints", "rating", "queue of callers")

BUSINESS: Final = {
    "orders per minute": ("dropped below the forecast", "are zero for ten minutes"),
    "payment authorisations": ("are declined more often than usual", "time out at the acquirer"),
    "abandoned baskets": ("rise above last week", "doubled since the last release"),
    "refunds": ("exceed the daily budget", "are stuck in approval"),
    "sign-ups": ("fell by half", "stopped in one country"),
    "conversion": ("is under the floor of the season", "differs between regions"),
    "voucher use": ("exploded", "exceeds the campaign's limit"),
    "customer complaints": ("pile up", "mention the same page"),
    "rating in the shop": ("fell", "is under three stars"),
    "queue of callers": ("is longer than ten minutes", "keeps growing"),
    "slow first page": ("for mobile buyers", "for buyers of one provider"),
}
INTRUSION: Final = {
    "port scan": ("from inside the network", "from one address"),
    "brute force": ("against ssh", "against the admin page"),
    "unknown process": ("listens on a public port", "was started by a web server"),
    "privilege escalation": ("by a service account", "through sudo"),
    "exfiltration suspected": ("to an unknown host", "through dns"),
    "malware signature": ("found in an upload", "found in an image"),
    "impossible travel login": ("of an administrator", "of a buyer's account"),
    "rule of the web firewall": ("blocks many requests", "was bypassed"),
    "integrity of a system file": ("is broken", "changed outside a deploy"),
}
CRITICAL_SHARE_OF_OWN: Final = 0.4


class Rule(NamedTuple):
    """One alerting rule. `noisy` and `fleeting` are log-odds of noise and of resolving itself."""

    name: str
    description: str
    severity: str
    group: str
    technology: str
    category: str
    noisy: float
    fleeting: float


class Service(NamedTuple):
    """One service: tier 1 (highest) to 3, how many others need it, the rules that it may fire,
    the most frequent first; `noisy` as in Rule.
    """

    name: str
    tier: int
    dependents_count: int
    rules: tuple[Rule, ...]
    born_at: float
    owner: str
    later_owner: str
    noisy: float


def pick(rng: random.Random, items: Sequence[Any]) -> Any:
    """One item, from a single draw: `random()` alone is stable between versions of Python."""
    return items[int(rng.random() * len(items))]


def shuffled(rng: random.Random, items: Sequence[Any]) -> list[Any]:
    """The items in a random order, by one draw each."""
    return [item for _, _, item in sorted((rng.random(), n, item) for n, item in enumerate(items))]


def normal(rng: random.Random, spread: float) -> float:
    """About a normal variate: the sum of twelve uniform ones, less six, times the spread."""
    return spread * (sum(rng.random() for _ in range(12)) - 6.0)


def category_of(group: str, text: str) -> str:
    """The category of a rule, by its group and two lists of words."""
    category = CATEGORIES[group]
    if group == "Network and security" and any(word in text.lower() for word in ACCESS_WORDS):
        return "security/access"
    if group == "Business" and any(word in text.lower() for word in EXPERIENCE_WORDS):
        return "business/experience"
    return category


def rules(rng: random.Random) -> list[Rule]:
    """All rules: those of the shared file, and our own."""
    found: list[tuple[str, str, str, str, str]] = []
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        for service in group["services"]:
            for exporter in service["exporters"]:
                found += [
                    (each["name"], each["description"], each["severity"], group["name"],
                     service["name"])
                    for each in exporter.get("rules") or ()
                ]  # fmt: skip
    for group_name, own in zip(OWN, (BUSINESS, INTRUSION), strict=True):
        for what, how in own.items():
            for each in how:
                severity = "critical" if rng.random() < CRITICAL_SHARE_OF_OWN else "warning"
                found.append(
                    (what.capitalize(), f"{what} {each}", severity, group_name, group_name)
                )
    return [
        Rule(
            name, description, severity, group, technology,
            category_of(group, f"{name} {description}"),
            normal(rng, 2.4) - 0.8, normal(rng, 2.2) - 0.3,
        )
        for name, description, severity, group, technology in found
    ]  # fmt: skip


def services(rng: random.Random, known: Sequence[Rule]) -> list[Service]:
    """All services, with their two owners: before and after the re-organisation."""
    by_technology: dict[str, list[Rule]] = {}
    for rule in known:
        by_technology.setdefault(rule.technology, []).append(rule)
    usual = [name for name in by_technology if name not in OWN]
    names = shuffled(rng, [f"{domain}-{part}" for domain in DOMAINS for part in PARTS])
    found = []
    for number in range(SERVICES_AT_START + SERVICES_ADDED * len(ADDED_AT)):
        wave, name = number - SERVICES_AT_START, names[number]
        technologies = shuffled(rng, usual)[:TECHNOLOGIES_PER_SERVICE]
        technologies += [own for own in OWN if rng.random() < 0.5]
        fired = shuffled(rng, [rule for each in technologies for rule in by_technology[each]])
        owner = TEAMS[DOMAINS.index(name.partition("-")[0]) % len(TEAMS)]
        owner = pick(rng, TEAMS) if rng.random() < 0.15 else owner
        later = owner
        if owner == DISSOLVED:
            later = NEW_TEAM if rng.random() < 0.5 else pick(rng, TEAMS)
        elif rng.random() < MOVED_SHARE:
            later = NEW_TEAM if rng.random() < 0.3 else pick(rng, TEAMS)
        later = NEW_TEAM if later == DISSOLVED else later
        found.append(
            Service(
                name, pick(rng, (1, 2, 2, 3, 3)), int(rng.random() ** 2 * 20), tuple(fired),
                ADDED_AT[wave // SERVICES_ADDED] if wave >= 0 else 0.0,
                owner, later, normal(rng, 0.8),
            )
        )  # fmt: skip
    return found
