"""Decide: per head the model where it is sure, else the rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.domain.incident import Classification, Evidence, Judgement
from pipeline.domain.model import EVIDENCE_MAX, HEADS, YES, Belief
from pipeline.stages.classify import reasons

RULES: Final = "rules"
"""The version of what no model was asked about."""

CANDIDATES_MAX: Final = 10
"""Labels that are listed where a model is not sure; what lies beyond is the least likely."""


CHANCES: Final = ("noise", "self_resolving")
"""Heads that are asked for a chance; either says that nobody is needed."""


def decide(
    by_rules: Mapping[str, Judgement],
    beliefs: Iterable[Belief],
    version: str,
    now_ms: int,
    quiet_from: float = -1.0,
) -> Classification:
    """The classification: `version` is that of the model that believes so, "" where none was
    asked. From the chance `quiet_from` on (-1: none) it may be held back.
    """
    judgements = dict(by_rules)
    chances = dict.fromkeys(CHANCES, -1.0)
    for belief in beliefs:
        head = belief.head
        if head not in judgements:
            continue
        if head in chances:
            is_yes = belief.label == YES
            chances[head] = belief.confidence if is_yes else 1.0 - belief.confidence
        judgements[head] = _weighed(judgements[head], belief)
    return Classification(
        **judgements,
        noise_chance=chances["noise"],
        self_resolving_chance=chances["self_resolving"],
        quiet_head=_quiet(judgements, chances, quiet_from),
        quiet_from=quiet_from,
        version=version or RULES,
        decided_at_ms=now_ms,
    )


def _weighed(rule: Judgement, belief: Belief) -> Judgement:
    candidates = belief.candidates[:CANDIDATES_MAX]
    if not belief.is_sure:
        return Judgement(
            label=rule.label, reason=rule.reason, candidates=candidates, evidence=rule.evidence
        )
    return Judgement(
        label=belief.label,
        reason=reasons.MODEL.name,
        confidence=belief.confidence,
        candidates=candidates,
        evidence=tuple(Evidence(*each) for each in belief.evidence[:EVIDENCE_MAX]),
    )


def _quiet(
    judgements: Mapping[str, Judgement], chances: Mapping[str, float], quiet_from: float
) -> str:
    """The head by which it may be held back: the model is sure, and sure enough; "": none."""
    if quiet_from < 0:
        return ""
    enough = [
        head
        for head in CHANCES
        if chances[head] >= quiet_from
        and judgements[head].label == YES
        and judgements[head].reason == reasons.MODEL.name
    ]
    return max(enough, key=lambda head: chances[head], default="")


def quiet_chance(classification: Classification) -> float:
    """The chance that nobody is needed, -1 where no model says any."""
    return max(classification.noise_chance, classification.self_resolving_chance)


def labels_of(classification: Classification) -> dict[str, str]:
    """Head → label, where one is known."""
    found = ((head, getattr(classification, head).label) for head in HEADS)
    return {head: label for head, label in found if label}


def said(classification: Classification) -> str:
    """The classification in one sentence for a person: each label with what spoke for it."""
    parts = []
    for head in HEADS:
        judgement: Judgement = getattr(classification, head)
        if not judgement.label or (
            judgement.reason == reasons.NOTHING.name and not judgement.candidates
        ):
            continue
        weighed = ", ".join(each.feature for each in judgement.evidence[:2])
        because = f" ({weighed})" if weighed else ""
        if judgement.reason == reasons.MODEL.name:
            because = f" {judgement.confidence:.0%}{because}"
        parts.append(f"{head.replace('_', '-')} {judgement.label}{because}")
    return "; ".join(parts)
