"""How seven senders write one and the same fact: names, words for severity, labels, paraphrase."""

from __future__ import annotations

import random
import re
from typing import Final, NamedTuple

from tests.bench.learning.estate import Rule, pick

VENDORS: Final = (
    "alertmanager", "datadog", "cloudwatch", "grafana", "zabbix", "nagios", "mail",
)  # fmt: skip
SHARES: Final = (0.4, 0.15, 0.1, 0.15, 0.1, 0.05, 0.05)

SYNONYMS: Final = {
    "high": ("elevated", "excessive"),
    "down": ("unreachable", "not responding"),
    "error": ("failure", "fault"),
    "errors": ("failures", "faults"),
    "usage": ("utilization", "consumption"),
    "slow": ("lagging", "sluggish"),
    "missing": ("absent", "gone"),
    "failed": ("unsuccessful", "broken"),
    "low": ("short", "running out"),
    "instance": ("node", "member"),
    "memory": ("RAM", "mem"),
    "requests": ("calls", "queries"),
    "rate": ("ratio", "frequency"),
    "latency": ("response time", "delay"),
    "full": ("exhausted", "at capacity"),
    "restarted": ("rebooted", "bounced"),
}
REPLACED_SHARE: Final = 0.25
DROPPED_SHARE: Final = 0.06
MISTYPED_SHARE: Final = 0.01
WORDS_MAX: Final = 30

_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}")
_CAMEL: Final = re.compile(r"[^A-Za-z0-9]+")

SEVERITY_WORDS: Final = {
    "zabbix": {
        "critical": "Disaster",
        "error": "High",
        "warning": "Average",
        "info": "Information",
    },
    "nagios": {"critical": "CRITICAL", "error": "CRITICAL", "warning": "WARNING", "info": "OK"},
    "datadog": {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"},
}
"""What other senders call a severity; the rest use our words."""


class Place(NamedTuple):
    """Where the alert comes from."""

    service: str
    environment: str
    region: str
    host: str
    figure: str


class Written(NamedTuple):
    """The alert as its sender words it."""

    name: str
    description: str
    labels: dict[str, str]
    tags: tuple[str, ...]


def vendor_of(draw: float) -> str:
    """The sender for a draw in [0, 1)."""
    for vendor, share in zip(VENDORS, SHARES, strict=True):
        draw -= share
        if draw < 0:
            return vendor
    return VENDORS[-1]


def paraphrased(rng: random.Random, text: str, place: Place) -> str:
    """The text with its templates filled, some words replaced, some dropped, some mistyped."""
    words = []
    for word in _TEMPLATE.sub(lambda found: _filled(found.group(), place), text).split()[
        :WORDS_MAX
    ]:
        draw = rng.random()
        if draw < REPLACED_SHARE and word.lower() in SYNONYMS:
            words.append(pick(rng, SYNONYMS[word.lower()]))
        elif draw > 1 - DROPPED_SHARE and len(words) > 1:
            continue
        elif draw > 1 - DROPPED_SHARE - MISTYPED_SHARE and len(word) > 4:
            at = 1 + int(rng.random() * (len(word) - 2))
            words.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
        else:
            words.append(word)
    return " ".join(words)


def _filled(template: str, place: Place) -> str:
    if "instance" in template or "host" in template or "node" in template:
        return place.host
    return place.figure if "alue" in template else place.service


def written(rng: random.Random, vendor: str, rule: Rule, given: str, place: Place) -> Written:
    """The alert in the words of one sender; `given` is its normalised severity."""
    text = paraphrased(rng, rule.description, place)
    severity = SEVERITY_WORDS.get(vendor, {}).get(given, given)
    if vendor == "alertmanager":
        labels = {
            "alertname": _CAMEL.sub("", rule.name.title()), "severity": severity,
            "job": rule.technology.lower().replace(" ", "-"),
            "instance": f"{place.host}:9100", "env": place.environment,
        }  # fmt: skip
        return Written(labels["alertname"], text, labels, ())
    if vendor == "datadog":
        tags = (f"service:{place.service}", f"env:{place.environment}", f"priority:{severity}")
        name = f"[Triggered on {{host:{place.host}}}] {paraphrased(rng, rule.name, place)}"
        return Written(name, text, {"monitor": str(len(rule.description) * 7919)}, tags)
    if vendor == "cloudwatch":
        name = f'ALARM: "{place.service}-{_CAMEL.sub("-", rule.name)}" in {place.region}'
        crossed = f"Threshold Crossed: 1 datapoint [{place.figure}] was greater. {text}"
        return Written(name, crossed, {"account": "123456789012"}, ())
    if vendor == "grafana":
        labels = {"grafana_folder": rule.technology, "alertname": rule.name, "severity": severity}
        return Written(f"[FIRING:1] {rule.name}", f"{text} (value {place.figure})", labels, ())
    if vendor == "zabbix":
        name = f"Problem: {paraphrased(rng, rule.name, place)}"
        return Written(name, f"{text} on {place.host}, severity {severity}", {}, ("zabbix",))
    if vendor == "nagios":
        name = f"{place.host}/{rule.technology} is {severity}"
        return Written(name, f"{rule.name}: {text}", {"check": rule.technology.lower()}, ())
    name = f"Re: {place.service}: {paraphrased(rng, rule.name, place)}"
    return Written(name, f"Hello, {text}. Please look into {place.service}.", {}, ())
