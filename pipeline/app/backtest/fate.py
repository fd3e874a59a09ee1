"""Fate: what became of an incident of history, and so whether somebody had to know of it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.command import Command
from pipeline.domain.errors import UsageError
from pipeline.domain.incident import Incident
from pipeline.stages.classify.words import false_alarm

NEEDED: Final = "needed"
QUIET: Final = "quiet"
OPEN: Final = "open"
UNKNOWN: Final = "unknown"
"""needed: somebody acted on it · quiet: nobody did, or it was called noise · open: nobody has
yet, and it is not over · unknown: it is not kept any more."""

ACTS_MAX: Final = 200_000
"""Incidents of which is kept what people did; with more the range is refused."""

_DID: Final = {
    "acknowledge": "acknowledged it",
    "resolve": "resolved it",
    "snooze": "snoozed it",
    "note": "wrote a note on it",
    "merge": "merged it",
    "reassign": "reassigned it",
    "split": "split it",
    "override": "changed its severity",
    "page": "had it told",
}


class Acts(Struct):
    """What people did about one incident: the first act in words, and who called it noise."""

    first: str = ""
    refuted: str = ""


class Fate(Struct, frozen=True):
    """One of the four words, and the sentence that says why."""

    word: str
    text: str


class Fates:
    """What people asked of each incident of history."""

    def __init__(self) -> None:
        self._acts: dict[str, Acts] = {}

    def order(self, command: Command) -> None:
        """Take in one order. Raises UsageError where there are too many."""
        acts = self._acts.setdefault(command.incident_id, Acts())
        if command.kind == "not-useful":
            acts.refuted = f"{command.author} called it not useful"
        elif command.kind == "note" and false_alarm(command.text):
            acts.refuted = f"{command.author} noted that it was noise"
        elif command.kind in _DID and not acts.first:
            acts.first = f"{command.author} {_DID[command.kind]}"
        if len(self._acts) > ACTS_MAX:
            raise UsageError(
                f"people gave orders to more than {ACTS_MAX:,} incidents in this range:"
                " choose a shorter one"
            )

    def of(self, incident: Incident | None, into: Incident | None = None) -> Fate:
        """What became of an incident as it was last seen; `into` is what it was merged into.

        Who calls it noise has the last word. An acknowledgement counts as an act: somebody was
        there.
        """
        if incident is None:
            return Fate(UNKNOWN, "what became of it is not kept any more")
        chain = [each for each in (incident, into) if each is not None]
        acts = [self._acts.get(each.incident_id, Acts()) for each in chain]
        for each in acts:
            if each.refuted:
                return Fate(QUIET, each.refuted)
        for each in acts:
            if each.first:
                return Fate(NEEDED, each.first)
        last = chain[-1]
        for one in chain:
            if one.acknowledged_by:
                return Fate(NEEDED, f"{one.acknowledged_by} acknowledged it")
        if last.is_open:
            return Fate(OPEN, "it is still open, and nobody has touched it")
        if last.resolved_by and not last.merged_into:
            return Fate(NEEDED, f"{last.resolved_by} resolved it")
        return Fate(QUIET, "it ended by itself, and nobody had touched it")
