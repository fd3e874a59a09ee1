"""Every reason that classify gives: why a head was decided so, and what turned out."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

CLASSIFIED: Final = Reason("classify.classified", "{said} (by {by})")
SAME: Final = Reason("classify.same", "what it is judged by has not changed", is_audited=False)

# Why one head is what it is; a Judgement carries the name.
MODEL: Final = Reason("classify.model", "the model is sure", is_audited=False)
LABEL: Final = Reason("classify.label", "its alerts say so in a label", is_audited=False)
WORDS: Final = Reason("classify.words", "words of its alerts say so", is_audited=False)
PEOPLE: Final = Reason("classify.people", "people wrote so on it", is_audited=False)
ALERTS: Final = Reason("classify.alerts", "as severe as its alerts", is_audited=False)
CATALOG: Final = Reason("classify.catalog", "the catalog says so", is_audited=False)
PLACE: Final = Reason("classify.place", "it is not in production", is_audited=False)
WEIGHT: Final = Reason("classify.weight", "by tier, dependents and severity", is_audited=False)
CHANGE: Final = Reason("classify.change", "its service was changed just before", is_audited=False)
HOURS: Final = Reason("classify.hours", "business suffers in business hours", is_audited=False)
NOTHING: Final = Reason("classify.nothing", "nothing speaks for anything", is_audited=False)

# Snapshots.
BROKEN: Final = Reason(
    "classify.broken",
    "a snapshot cannot be taken: an older one or the rules decide",
    is_audited=False,
)

# What turned out, as the outcomes carry it.
TURNED_OUT: Final = Reason("classify.turned_out", "to be learned: {labels} ({because})")
ACKNOWLEDGED: Final = Reason("classify.acknowledged", "somebody took it who was not told")
REASSIGNED: Final = Reason("classify.reassigned", "somebody gave it to a team")
OVERRIDDEN: Final = Reason("classify.overridden", "somebody set its severity")
SNOOZED: Final = Reason("classify.snoozed", "somebody let it wait")
MERGED: Final = Reason("classify.merged", "somebody made it part of another")
NOTED: Final = Reason("classify.noted", "somebody wrote so")
NOT_USEFUL: Final = Reason("classify.not_useful", "somebody called it not useful")
PAGED: Final = Reason("classify.paged", "somebody had people told of it")
BY_ITSELF: Final = Reason("classify.by_itself", "it ended and nobody had touched it")
BY_HAND: Final = Reason("classify.by_hand", "somebody had to end it while it fired")
CAME_BACK: Final = Reason("classify.came_back", "it ended by itself and came back")
STATED: Final = Reason("classify.stated", "its sender had stated it")

# What is no label, and why.
OWN_PAGE: Final = Reason(
    "classify.own_page", "an answer to our own page is no label", is_audited=False
)
OWN_WORD: Final = Reason(
    "classify.own_word", "what only repeats our own decision is no label", is_audited=False
)
