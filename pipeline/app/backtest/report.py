"""Report: what a backtest found, as data: totals, teams, and each page that differs."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

SAVED: Final = "saved"
MISSED: Final = "missed"
UNDECIDED: Final = "undecided"
ADDED: Final = "added"
ELSEWHERE: Final = "elsewhere"
EARLIER: Final = "earlier"
LATER: Final = "later"
KINDS: Final = (MISSED, SAVED, UNDECIDED, ADDED, ELSEWHERE, LATER, EARLIER)
"""saved: a page fewer that nobody needed · missed: a page fewer, and somebody acted on what it was
about · undecided: a page fewer, and nobody has acted yet or it is not known · added: a page more ·
elsewhere: another receiver is told instead · earlier, later: the same page at another time."""


class Difference(Struct, frozen=True, kw_only=True):
    """One page that differs. Instants are 0, ids "" and receivers "" where a side has no page.

    `why` is why history told, or did not; `other_why` the same of the other run. `fate` is what
    became of the incident of history: needed, quiet, open, unknown, or "" where it has none, and
    `fate_text` says it.
    """

    kind: str
    team: str
    service: str
    title: str
    severity: str
    incident_id: str = ""
    other_incident_id: str = ""
    receiver: str = ""
    other_receiver: str = ""
    at_ms: int = 0
    other_at_ms: int = 0
    why: str = ""
    other_why: str = ""
    fate: str = ""
    fate_text: str = ""

    @property
    def shift_ms(self) -> int:
        """How much later the other run told; negative: earlier; 0 where one did not."""
        return self.other_at_ms - self.at_ms if self.at_ms and self.other_at_ms else 0


class Team(Struct, kw_only=True):
    """The pages of one team (of all where it stands in a Report): how many there were in history
    and in the other run, and how many differ. `earlier_ms` and `later_ms` are sums. Of what was
    added `added_needed` are about incidents that somebody acted on.
    """

    team: str
    before: int = 0
    after: int = 0
    same: int = 0
    saved: int = 0
    missed: int = 0
    undecided: int = 0
    added: int = 0
    added_needed: int = 0
    elsewhere: int = 0
    earlier: int = 0
    later: int = 0
    earlier_ms: int = 0
    later_ms: int = 0


class Counts(Struct, kw_only=True):
    """How much was run: `records` alerts, orders and receipts in `epochs` of history, of which
    `epochs_before` only led up to the range, and `unequal_epochs` in it did not come out as they
    did then. `orders` are those of people in the range, of which `orders_lost` had no incident in
    the other run and `orders_unanswered` no page.
    """

    records: int = 0
    epochs: int = 0
    epochs_before: int = 0
    unequal_epochs: int = 0
    orders: int = 0
    orders_lost: int = 0
    orders_unanswered: int = 0
    took_s: float = 0.0

    @property
    def records_per_s(self) -> float:
        """How many records of history were run per second, in both runs together."""
        return self.records / self.took_s if self.took_s else 0.0


class Told(Struct, frozen=True):
    """One page of one run in the range, as a picture needs it; `kind` is one of KINDS, or same."""

    at_ms: int
    team: str
    kind: str


class Report(Struct, frozen=True, kw_only=True):
    """All that a backtest found. `before` and `after` are the pages of the two runs."""

    from_ms: int
    to_ms: int
    total: Team
    teams: tuple[Team, ...]
    differences: tuple[Difference, ...]
    before: tuple[Told, ...]
    after: tuple[Told, ...]
    counts: Counts
