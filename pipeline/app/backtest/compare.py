"""Compare: the pages of history beside those of the other run. Pure.

Pages are paired per incident and receiver in their order: the first with the first. What is left
of history is saved where people were told all the same, or where nobody needed it, and missed
where somebody acted on the incident.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from pipeline.app.backtest import report
from pipeline.app.backtest.fate import NEEDED, QUIET, UNKNOWN, Fate
from pipeline.app.backtest.pages import Page
from pipeline.app.backtest.pairs import Pairs
from pipeline.app.backtest.report import Counts, Difference, Report, Team, Told

SAME_WITHIN_MS: Final = 1_000
"""Pages that lie no further apart came at the same time: timers run some milliseconds late."""

SAME: Final = "same"
_NO_TEAM: Final = ""

Couple = tuple[Page | None, Page | None]
"""(page of history, page of the other run); one of them may be missing."""


class Kept(Struct, frozen=True):
    """What both runs left behind: their pages, which incident is which, and the fates."""

    real: list[Page]
    other: list[Page]
    pairs: Pairs
    fates: Mapping[str, Fate]


def compare(kept: Kept, from_ms: int, to_ms: int, counts: Counts) -> Report:
    """The report on a range. A pair counts where either page lies in it."""

    def is_inside(page: Page | None) -> bool:
        return page is not None and from_ms <= page.at_ms <= to_ms

    teams: dict[str, Team] = {}
    differences: list[Difference] = []
    before: list[Told] = []
    after: list[Told] = []
    judge = _Judge(kept)
    for real, other in _couples(kept):
        if not (is_inside(real) or is_inside(other)):
            continue
        found = judge.difference(real, other)
        kind = SAME if found is None else found.kind
        team = _team(real, other)
        row = teams.setdefault(team, Team(team=team))
        if real is not None and is_inside(real):
            row.before += 1
            before.append(Told(real.at_ms, team, kind))
        if other is not None and is_inside(other):
            row.after += 1
            after.append(Told(other.at_ms, team, kind))
        _count(row, found)
        if found is not None:
            differences.append(found)
    rows = tuple(teams[name] for name in sorted(teams))
    order = {kind: rank for rank, kind in enumerate(report.KINDS)}
    return Report(
        from_ms=from_ms,
        to_ms=to_ms,
        total=_sum(rows),
        teams=rows,
        differences=tuple(
            sorted(differences, key=lambda d: (order[d.kind], d.at_ms or d.other_at_ms, d.title))
        ),
        before=tuple(sorted(before, key=lambda told: told.at_ms)),
        after=tuple(sorted(after, key=lambda told: told.at_ms)),
        counts=counts,
    )


def _couples(kept: Kept) -> list[Couple]:
    """Pairs by incident and receiver; then what is left of one incident, whichever receiver."""
    waiting: dict[tuple[str, str], list[Page]] = defaultdict(list)
    for page in kept.other:
        waiting[_case(page, kept.pairs), page.receiver].append(page)
    found: list[Couple] = []
    lone: list[Page] = []
    for page in kept.real:
        mates = waiting[page.incident_id, page.receiver]
        if mates:
            found.append((page, mates.pop(0)))
        else:
            lone.append(page)
    left: dict[str, list[Page]] = defaultdict(list)
    for (case, _), pages in waiting.items():
        left[case] += pages
    for page in lone:
        others = left[page.incident_id]
        found.append((page, others.pop(0) if others else None))
    found += [(None, page) for pages in left.values() for page in pages]
    return found


def _case(page: Page, pairs: Pairs) -> str:
    """What a page of the other run is about: the incident of history, or its own marked so."""
    return pairs.real_of(page.incident_id) or f"~{page.incident_id}"


class _Judge:
    """Says of a couple what differs."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._told = {page.incident_id for page in kept.other}

    def difference(self, real: Page | None, other: Page | None) -> Difference | None:
        """None where nothing does."""
        if real is None:
            return None if other is None else self._made(report.ADDED, None, other)
        if other is None:
            return self._made(self._fewer(real), real, None)
        if real.receiver != other.receiver:
            return self._made(report.ELSEWHERE, real, other)
        shift_ms = other.at_ms - real.at_ms
        if abs(shift_ms) <= SAME_WITHIN_MS:
            return None
        return self._made(report.LATER if shift_ms > 0 else report.EARLIER, real, other)

    def _fewer(self, page: Page) -> str:
        """What a page of history is that the other run does not have."""
        mate = page.holder or self._kept.pairs.other_of(page.incident_id)
        if page.is_known or mate in self._told:
            return report.SAVED
        word = self._fate(page.incident_id).word
        return {NEEDED: report.MISSED, QUIET: report.SAVED}.get(word, report.UNDECIDED)

    def _made(self, kind: str, real: Page | None, other: Page | None) -> Difference:
        known = real or other
        assert known is not None  # noqa: S101  (a couple has at least one)
        pairs = self._kept.pairs
        real_id = real.incident_id if real else pairs.real_of(known.incident_id) or known.holder
        other_id = other.incident_id if other else pairs.other_of(known.incident_id) or known.holder
        fate = self._fate(real_id) if real_id else Fate("", "")
        return Difference(
            kind=kind,
            team=_team(real, other),
            service=known.service,
            title=known.title,
            severity=known.severity,
            incident_id=real_id,
            other_incident_id=other_id,
            receiver=real.receiver if real else "",
            other_receiver=other.receiver if other else "",
            at_ms=real.at_ms if real else 0,
            other_at_ms=other.at_ms if other else 0,
            why=real.why if real else known.absent,
            other_why=other.why if other else known.absent,
            fate=fate.word,
            fate_text=fate.text,
        )

    def _fate(self, incident_id: str) -> Fate:
        return self._kept.fates.get(incident_id, Fate(UNKNOWN, "what became of it is not known"))


def _team(real: Page | None, other: Page | None) -> str:
    """History's word for it, where it has one."""
    return next((page.team for page in (real, other) if page is not None and page.team), _NO_TEAM)


def _count(row: Team, found: Difference | None) -> None:
    if found is None:
        row.same += 1
        return
    setattr(row, found.kind, getattr(row, found.kind) + 1)
    if found.kind == report.ADDED and found.fate == NEEDED:
        row.added_needed += 1
    elif found.kind == report.EARLIER:
        row.earlier_ms -= found.shift_ms
    elif found.kind == report.LATER:
        row.later_ms += found.shift_ms


def _sum(rows: Iterable[Team]) -> Team:
    total = Team(team="")
    for row in rows:
        for name in Team.__struct_fields__[1:]:
            setattr(total, name, getattr(total, name) + getattr(row, name))
    return total
