"""Rules: what each head is without a model. Pure; every answer says what it went by."""

from __future__ import annotations

from typing import Final

from pipeline.domain.alert import SEVERITIES, severity_rank
from pipeline.domain.incident import Evidence, Judgement
from pipeline.domain.model import NO
from pipeline.domain.reason import Reason
from pipeline.stages.classify import reasons
from pipeline.stages.classify.known import Known
from pipeline.stages.classify.words import KINDS, category, tone

HIGH, MEDIUM, LOW = "high", "medium", "low"
LEVELS: Final = (LOW, MEDIUM, HIGH)

ELSEWHERE: Final = frozenset(
    {"dev", "develop", "development", "test", "testing", "staging", "stage", "qa", "sandbox",
     "preview", "demo", "lab"}
)  # fmt: skip
"""Environments in which nobody suffers; any other, also none, counts as production."""

CHANGE_MS: Final = 1_800_000
"""A change that is younger is suspected, and what it broke can be undone at once."""

DEPENDENTS_MANY: Final = 8
SERVICES_MANY: Final = 3
BUSINESS_HOURS: Final = range(8, 18)
"""Hours of the day, UTC."""

TONE_HIGH: Final = 2
"""So many more urgent than calm words on an incident say that it is urgent."""

_HOUR_MS: Final = 3_600_000
_STATED: Final = {
    "category": frozenset((*KINDS, *(name.partition("/")[0] for name in KINDS))),
    "urgency": frozenset(LEVELS),
    "impact": frozenset(LEVELS),
}


def judged(why: Reason, label: str, *evidence: str) -> Judgement:
    """The judgement of a rule."""
    shown = tuple(Evidence(each) for each in evidence if each)
    return Judgement(label=label, reason=why.name, evidence=shown)


def judge(known: Known) -> dict[str, Judgement]:
    """Every head by rules."""
    kind = _category(known)
    return {
        "category": kind,
        "severity": _severity(known),
        "urgency": _urgency(known),
        "impact": _impact(known, kind.label),
        "team": judged(reasons.CATALOG, known.team, f"team={known.team}")
        if known.team
        else judged(reasons.NOTHING, ""),
        "noise": judged(reasons.NOTHING, NO),
        "self_resolving": judged(reasons.NOTHING, NO),
    }


def stated(known: Known, head: str) -> str:
    """What the sender's own label says of a head, or ""."""
    text = known.incident.labels.get(head, "").lower()
    return text if text in _STATED.get(head, ()) else ""


def _category(known: Known) -> Judgement:
    given = stated(known, "category")
    if given:
        return judged(reasons.LABEL, given, f"category={given}")
    first = known.first
    found, word = category(first.name, first.description, first.service)
    if found:
        return judged(reasons.WORDS, found, word)
    return judged(reasons.NOTHING, "")


def _severity(known: Known) -> Judgement:
    severity = known.incident.severity
    if severity not in SEVERITIES[1:]:
        return judged(reasons.NOTHING, "")
    return judged(reasons.ALERTS, severity, f"severity={severity}")


def _is_elsewhere(known: Known) -> bool:
    return known.incident.environment.lower() in ELSEWHERE


def _urgency(known: Known) -> Judgement:
    given = stated(known, "urgency")
    if given:
        return judged(reasons.LABEL, given, f"urgency={given}")
    if known.incident.notes:
        balance, word = tone(known.texts)
        if balance >= TONE_HIGH or balance <= -1:
            return judged(reasons.PEOPLE, HIGH if balance > 0 else LOW, word)
    incident = known.incident
    if _is_elsewhere(known):
        return judged(reasons.PLACE, LOW, f"environment={incident.environment}")
    severity = f"severity={incident.severity}"
    rank = severity_rank(incident.severity)
    if 0 <= known.change_age_ms < CHANGE_MS and rank >= severity_rank("warning"):
        minutes = known.change_age_ms // 60_000
        return judged(reasons.CHANGE, HIGH, f"changed {minutes} min before", severity)
    is_high = rank == severity_rank("critical") or (
        rank == severity_rank("error") and known.tier == 1
    )
    # Of a severity that nobody knows somebody has to look before it can wait.
    level = HIGH if is_high else LOW if rank == severity_rank("info") else MEDIUM
    return judged(reasons.WEIGHT, level, severity, f"tier={known.tier}" if known.tier else "")


def _impact(known: Known, kind: str) -> Judgement:
    given = stated(known, "impact")
    if given:
        return judged(reasons.LABEL, given, f"impact={given}")
    incident = known.incident
    balance, word = tone(known.texts) if incident.notes else (0, "")
    if balance <= -1:
        return judged(reasons.PEOPLE, LOW, word)
    if balance >= TONE_HIGH:
        return judged(reasons.PEOPLE, HIGH, word)
    if _is_elsewhere(known):
        return judged(reasons.PLACE, LOW, f"environment={incident.environment}")
    points = 0
    evidence = []
    if known.tier in (1, 2):
        points += 3 - known.tier
        evidence.append(f"tier={known.tier}")
    if known.dependents_count >= DEPENDENTS_MANY:
        points += 1
        evidence.append(f"dependents={known.dependents_count}")
    if len(incident.services) >= SERVICES_MANY:
        points += 1
        evidence.append(f"services={len(incident.services)}")
    if incident.severity == "critical":
        points += 1
        evidence.append("severity=critical")
    why = reasons.WEIGHT
    hour = known.now_ms // _HOUR_MS % 24
    if kind.startswith("business") and hour in BUSINESS_HOURS:
        points += 1
        evidence.append(f"hour={hour}")
        why = reasons.HOURS
    level = HIGH if points >= len(LEVELS) else MEDIUM if points else LOW
    return judged(why, level, *evidence)
