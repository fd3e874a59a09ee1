"""Words: what kind of trouble an alert's name and description speak of, and people's tone.

A name says it shortest, so its words count threefold. What decides is a list that a person can
read and change; where it is wrong a model learns better.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

CHARS_MAX: Final = 400
"""More of one text is not read."""

NAMES_MAX: Final = 20_000
"""Remembered texts; at the limit the memory is emptied and fills again."""

KINDS: Final[dict[str, str]] = {
    "security/intrusion": "intrusion scan brute malware exploit privilege escalation exfiltration "
    "attack ddos suspicious unauthorized unauthorised backdoor",
    "security/access": "certificate cert tls ssl expire expires expiry vault auth login token "
    "secret password permission forbidden",
    "business/revenue": "order orders payment payments revenue basket refund refunds conversion "
    "signup sales voucher billing",
    "business/experience": "customer customers complaint complaints rating callers abandoned "
    "satisfaction shoppers buyers",
    "infrastructure/storage": "database db postgres postgresql pgbouncer mysql mariadb mongodb "
    "mongo redis cassandra elasticsearch opensearch replication deadlock deadlocks tablespace "
    "vacuum oracle sql ceph zfs volume backup minio couchdb memcached clickhouse influxdb",
    "infrastructure/platform": "kubernetes kube kubelet pod pods container docker deployment "
    "statefulset daemonset hpa nomad etcd aws gcp azure crashloop crashlooping consul openstack "
    "replicaset",
    "infrastructure/network": "network dns bgp packet packets interface vpn firewall ping probe "
    "icmp switch router connectivity unreachable ethernet snmp",
    "infrastructure/host": "host node cpu memory oom swap load disk inode inodes filesystem "
    "kernel temperature reboot clock ntp systemd raid smart fan power instance",
    "application/messaging": "kafka rabbitmq queue consumer consumers lag pulsar nats broker "
    "topic zookeeper sqs activemq",
    "application/delivery": "ci pipeline jenkins build argocd release prometheus alertmanager "
    "scrape exporter target grafana loki rollout",
    "application/runtime": "http error errors exception exceptions latency slow timeout timeouts "
    "response jvm gc heap thread threads nginx haproxy traefik apache request requests upstream "
    "envoy api crash crashed",
}
"""Category → words that speak for it; of equally many the category that stands first."""

URGENT: Final = frozenset(
    {"asap", "blocked", "breach", "broken", "customers", "down", "emergency", "immediately",
     "losing", "lost", "outage", "revenue", "severe", "stuck", "unavailable", "urgent", "urgently",
     "users"}
)  # fmt: skip
CALM: Final = frozenset(
    {"cosmetic", "expected", "flaky", "harmless", "ignore", "later", "maintenance", "minor",
     "noise", "planned", "test", "testing", "transient"}
)  # fmt: skip
FALSE_ALARM: Final = ("false alarm", "false positive", "not useful", "just noise", "noise only")
"""Phrases by which people call an alert noise."""

_OF: Final = {
    word: position for position, listed in enumerate(KINDS.values()) for word in listed.split()
}
_NAMES: Final = tuple(KINDS)
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_known: dict[str, tuple[str, str]] = {}


def words(text: str) -> list[str]:
    """The words of a text in lower case, camel case parted, without digits."""
    return [word.lower() for word in _PARTS.findall(text[:CHARS_MAX])]


def category(name: str, description: str, service: str = "") -> tuple[str, str]:
    """(category, the word that spoke first for it), or two empty texts. Words of the service's
    name say whose trouble it is, not of what kind.
    """
    text = f"{service}\n{name}\n{description[:CHARS_MAX]}"
    known = _known.get(text)
    if known is None:
        if len(_known) >= NAMES_MAX:
            _known.clear()
        known = _known[text] = _category(name, description, service)
    return known


def _category(name: str, description: str, service: str) -> tuple[str, str]:
    whose = frozenset(words(service))
    points: dict[int, int] = {}
    first: dict[int, str] = {}
    for text, each in ((name, 3), (description, 1)):
        for word in words(text):
            position = _OF.get(word)
            if position is not None and word not in whose:
                points[position] = points.get(position, 0) + each
                first.setdefault(position, word)
    if not points:
        return "", ""
    best = min(points, key=lambda position: (-points[position], position))
    return _NAMES[best], first[best]


def tone(texts: Iterable[str]) -> tuple[int, str]:
    """(urgent less calm words, the first of the side that prevails)."""
    urgent: list[str] = []
    calm: list[str] = []
    for text in texts:
        for word in words(text):
            if word in URGENT:
                urgent.append(word)
            elif word in CALM:
                calm.append(word)
    balance = len(urgent) - len(calm)
    return balance, (urgent[0] if balance > 0 else calm[0] if balance < 0 else "")


def false_alarm(text: str) -> str:
    """The phrase by which a person calls it noise, or ""."""
    low = text[:CHARS_MAX].lower()
    return next((phrase for phrase in FALSE_ALARM if phrase in low), "")
