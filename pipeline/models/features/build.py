"""Features of a subject: tokens of its texts, its facts and their crosses, each hashed to a row.

A word stands for itself; a fact is `name=value`; a cross joins facts that only together decide
(who owns it: service and rule; what it costs: tier and environment); a figure counts by its step.
The order counts only at
ROWS_MAX, where the words that come last are left out: facts and crosses come first.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.model import ROWS_MAX, Features, Subject
from pipeline.models.features.dense import dense, steps
from pipeline.models.features.hashing import RowCache
from pipeline.models.features.words import words, words_of_name

VERSION: Final = 1
"""Rises whenever the same subject makes other rows or figures."""

FACT_CHARS_MAX: Final = 80
NAME_CHARS_MAX: Final = 300
LABELS_MAX: Final = 12
"""Labels and tags that count, by name; more say little that the words do not."""

PARTS_MAX: Final = 4
"""Words of a service's name that count."""

NAMES_CACHE_MAX: Final = 20_000
"""Remembered names of alerts; at the limit the memory is emptied and fills again."""

BUSY_HOURS: Final = range(8, 18)
DEPENDENTS_STEPS: Final = (1, 3, 8, 20)

_SAID_ELSEWHERE: Final = frozenset(
    {"alertname", "severity", "instance", "service", "environment", "env", "region", "cluster",
     "namespace", "host", "pod", "container", "priority"}
)  # fmt: skip
"""Labels that a field of the alert says already, or that differ on every machine."""


class Builder:
    """Makes features; remembers names and rows, which changes no answer."""

    def __init__(self) -> None:
        self._rows = RowCache()
        self._names: dict[str, list[str]] = {}

    def features(self, subject: Subject) -> Features:
        """The features of a subject, with their tokens; the same for the same subject, always."""
        named = self._words_of_name(subject.name)
        people = [word for text in subject.texts[-LABELS_MAX:] for word in words(text)]
        figures = dense(subject, people)
        tokens = _facts(subject, named)
        tokens += steps(figures)
        tokens += named
        tokens += words(subject.description)
        tokens += ["~" + word for word in people]
        rows = self._rows
        # Of two tokens on one row the first names it, so the last is put in first.
        found = {rows[token]: token for token in reversed(tokens)}
        if len(found) > ROWS_MAX:
            first = dict.fromkeys([rows[token] for token in tokens])
            found = {row: found[row] for row in list(first)[:ROWS_MAX]}
        ordered = sorted(found)
        return Features(tuple(ordered), figures, tuple(map(found.__getitem__, ordered)))

    def _words_of_name(self, name: str) -> list[str]:
        name = name[:NAME_CHARS_MAX]
        found = self._names.get(name)
        if found is None:
            if len(self._names) >= NAMES_CACHE_MAX:
                self._names.clear()
            found = self._names[name] = words_of_name(name)
        return found


def _facts(subject: Subject, named: list[str]) -> list[str]:
    service = subject.service[:FACT_CHARS_MAX]
    place = f"{service} {subject.host} {subject.region}".lower()
    # A sender may put service, host or region into the name: what is left names the rule.
    slug = " ".join([word for word in named if word not in place])[:FACT_CHARS_MAX]
    environment = subject.environment[:FACT_CHARS_MAX]
    weight = f"{environment}|tier{subject.tier}"
    needed = sum(subject.dependents_count >= step for step in DEPENDENTS_STEPS)
    hour = subject.at_ms // 3_600_000 % 24
    tokens = [
        "service=" + service,
        "environment=" + environment,
        "severity=" + subject.severity[:FACT_CHARS_MAX],
        "source=" + subject.source[:FACT_CHARS_MAX],
        "rule=" + slug,
        f"service|rule={service}|{slug}",
        f"service|environment={service}|{environment}",
        f"rule|environment={slug}|{environment}",
        f"severity|weight={subject.severity}|{weight}"[:FACT_CHARS_MAX],
        f"needed|weight={needed}|{weight}",
        f"busy|needed|weight={hour in BUSY_HOURS}|{needed}|{weight}",
    ]
    for name, value in (
        ("region", subject.region), ("cluster", subject.cluster), ("metric", subject.metric),
        ("namespace", subject.namespace), ("owner", subject.owner),
    ):  # fmt: skip
        if value:
            tokens.append(f"{name}={value[:FACT_CHARS_MAX]}")
    tokens += [
        f"{name}={subject.labels[name]}"[:FACT_CHARS_MAX]
        for name in sorted(subject.labels)[:LABELS_MAX]
        if name not in _SAID_ELSEWHERE
    ]
    # The service stands twice, so that a new one is known after fewer outcomes.
    tokens.append("@" + service)
    # A new service is often named after what its owners already run.
    tokens += ["part=" + word for word in words_of_name(service)[:PARTS_MAX]]
    tokens += ["#" + tag[:FACT_CHARS_MAX] for tag in sorted(subject.tags)[:LABELS_MAX]]
    return tokens
