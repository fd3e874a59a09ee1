"""Comparing pages: what is paired, what is saved or missed, and what is counted."""

from __future__ import annotations

import pytest

from pipeline.app.backtest.compare import Kept, compare
from pipeline.app.backtest.fate import Fate
from pipeline.app.backtest.pages import Page
from pipeline.app.backtest.pairs import Pairs
from pipeline.app.backtest.report import Counts, Report
from pipeline.domain.incident import AlertRef, Incident
from tests.app.backtest.trying import line

MINUTE = 60_000


def page(incident_id: str, minute: float = 0, receiver: str = "on-call", **more: object) -> Page:
    return Page(
        at_ms=int(minute * MINUTE),
        incident_id=incident_id,
        receiver=receiver,
        sequence=1,
        team=str(more.pop("team", "web")),
        service="shop",
        title=str(more.pop("title", incident_id)),
        severity="error",
        why="told",
        **more,  # type: ignore[arg-type]
    )


def report(real: list[Page], other: list[Page], fates: dict[str, str] | None = None) -> Report:
    known = {each: Fate(word, word) for each, word in (fates or {}).items()}
    return compare(Kept(real, other, Pairs(), known), 0, 60 * MINUTE, Counts())


@pytest.mark.parametrize(
    ("real", "other", "fates", "found"),
    [
        ([], [], {}, []),
        ([page("a.1", 1)], [page("a.1", 1)], {}, []),
        ([page("a.1", 1)], [page("a.1", 1.01)], {}, []),
        ([page("a.1", 1)], [page("a.1", 3)], {}, ["later: a.1 by 120s"]),
        ([page("a.1", 3)], [page("a.1", 1)], {}, ["earlier: a.1 by -120s"]),
        ([page("a.1", 1)], [], {"a.1": "needed"}, ["missed: a.1"]),
        ([page("a.1", 1)], [], {"a.1": "quiet"}, ["saved: a.1"]),
        ([page("a.1", 1)], [], {"a.1": "open"}, ["undecided: a.1"]),
        ([page("a.1", 1)], [], {}, ["undecided: a.1"]),
        ([page("a.1", 1, is_known=True)], [], {"a.1": "needed"}, ["saved: a.1"]),
        ([], [page("a.1", 1)], {}, ["added: a.1"]),
        (
            [page("a.1", 1)],
            [page("a.1", 1, "desk")],
            {"a.1": "needed"},
            ["elsewhere on-call → desk: a.1"],
        ),
        (
            [page("a.1", 1), page("a.1", 2)],
            [page("a.1", 2)],
            {},
            ["saved: a.1", "later: a.1 by 60s"],
        ),
        ([page("a.1", 59)], [page("a.1", 61)], {}, ["later: a.1 by 120s"]),
        ([page("a.1", 61)], [page("a.1", 62)], {}, []),
        ([page("a.1", 61)], [], {"a.1": "needed"}, []),
        ([], [page("a.1", 61)], {}, []),
    ],
)  # fmt: skip
def test_what_differs(
    real: list[Page], other: list[Page], fates: dict[str, str], found: list[str]
) -> None:
    assert [line(each) for each in report(real, other, fates).differences] == found


def test_counts_are_by_team_and_add_up() -> None:
    real = [page("a.1", 1), page("a.2", 2, team="db"), page("a.3", 3), page("a.4", 4)]
    other = [page("a.1", 11), page("a.3", 2), page("a.5", 5, team=""), page("a.4", 4)]
    found = report(real, other, {"a.2": "needed", "a.5": "needed"})
    teams = {row.team: row for row in found.teams}
    assert list(teams) == ["", "db", "web"]
    web, total = teams["web"], found.total
    assert (web.before, web.after, web.same) == (3, 3, 1)
    assert (web.later, web.later_ms, web.earlier, web.earlier_ms) == (1, 10 * MINUTE, 1, MINUTE)
    assert (teams["db"].missed, teams[""].added, teams[""].added_needed) == (1, 1, 1)
    assert (total.before, total.after) == (4, 4)
    assert total.same + total.missed + total.later + total.earlier == total.before
    assert [told.kind for told in found.before] == ["later", "missed", "earlier", "same"]


def incident(incident_id: str, offset: int, fingerprint: str = "f", at_ms: int = 5) -> Incident:
    return Incident(
        incident_id=incident_id,
        scope_id="a",
        tenant="default",
        status="triggered",
        title="t",
        severity="error",
        group_key="",
        rule="",
        opened_at_ms=at_ms,
        origin=f"raw-alerts:0:{offset}:0" if offset >= 0 else ":0:0:0",
        alerts=(
            AlertRef(
                fingerprint=fingerprint, alert_id="1", name="A", severity="error", status="firing"
            ),
        ),
    )


def test_incidents_are_paired_by_the_alert_that_opened_them() -> None:
    pairs = Pairs()
    pairs.opened([incident("a.1", 7)], [incident("a.1", 7)], 5)
    assert (pairs.other_of("a.1"), pairs.real_of("a.1")) == ("a.1", "a.1")
    pairs.opened([incident("a.2", 8, at_ms=6), incident("a.3", 9, at_ms=6)], [], 6)
    pairs.opened([], [incident("a.2", 9, at_ms=7)], 7)
    assert (pairs.other_of("a.2"), pairs.other_of("a.3")) == ("", "a.2")
    assert (pairs.real_of("a.2"), pairs.real_of("a.3")) == ("a.3", "a.3")
    pairs.opened([], [incident("a.3", 10, at_ms=8)], 8)
    assert pairs.real_of("a.3") == ""


def test_two_alerts_of_one_record_are_told_apart() -> None:
    pairs = Pairs()
    reals = [incident("a.1", 7, "f"), incident("a.2", 7, "g")]
    pairs.opened(reals, [incident("a.1", 7, "g")], 5)
    assert (pairs.other_of("a.2"), pairs.other_of("a.1")) == ("a.1", "")


def test_what_changed_without_being_opened_pairs_nothing() -> None:
    pairs = Pairs()
    pairs.opened([incident("a.1", 7, at_ms=1)], [], 5)
    assert pairs.other_of("a.1") == "a.1"
    pairs.opened([incident("a.4", 11)], [incident("a.4", 11)], 5)
    pairs.opened([incident("a.4", 11)], [], 5)  # the same instant once more, in another epoch
    assert pairs.other_of("a.4") == "a.4"
