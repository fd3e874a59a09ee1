"""The picture of a backtest: bounded, well-formed, what matters most on top."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from pipeline.app.backtest.report import Counts, Report, Team, Told
from pipeline.cli.backtest_picture import LANES_MAX, columns, lanes, svg, terminal

SPAN = (0, 999)


def report(teams: list[Team], before: list[Told], after: list[Told]) -> Report:
    total = Team(team="", missed=sum(team.missed for team in teams))
    return Report(
        from_ms=SPAN[0],
        to_ms=SPAN[1],
        total=total,
        teams=tuple(teams),
        differences=(),
        before=tuple(before),
        after=tuple(after),
        counts=Counts(),
    )


def test_each_page_falls_into_its_column() -> None:
    pages = [Told(0, "a", "same"), Told(999, "a", "missed"), Told(500, "b", "same")]
    found = columns(pages, "a", SPAN, 10)
    assert [sum(cell.values()) for cell in found] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert columns([Told(5_000, "a", "same")], "a", SPAN, 10)[9]["same"] == 1


def test_teams_with_the_most_differences_come_first() -> None:
    teams = [Team(team=str(n), before=5, after=5, same=5 - n % 4) for n in range(50)]
    found = lanes(report(teams, [], []), LANES_MAX)
    assert len(found) == LANES_MAX
    assert {team.same for team in found[:12]} == {2}


def test_the_terminal_shows_both_sides_and_paints_the_worst() -> None:
    before = [Told(100, "web", "missed"), Told(100, "web", "same"), Told(900, "web", "same")]
    made = terminal(report([Team(team="web", before=3, after=2)], before, before[1:]), 80)
    assert [line.plain[:14].split() for line in made] == [["web", "then"], ["otherwise"]]
    assert all(len(line.plain) <= 80 for line in made)
    assert "█" in made[0].plain
    assert any("red" in str(span.style) for span in made[0].spans)


def test_a_picture_does_not_grow_with_the_range() -> None:
    many = [Told(n % 1_000, f"<team {n % 30}>", "missed") for n in range(50_000)]
    teams = [Team(team=f"<team {n}>", before=1_667, missed=1_667) for n in range(30)]
    text = svg(report(teams, many, []), "a < b", ("0", "1"))
    assert len(text) < 4_000_000
    root = ET.fromstring(text)
    titles = [each.text or "" for each in root.iter() if each.tag.endswith("title")]
    assert titles[0] == "a < b"
    assert any(title.endswith(" missed") for title in titles)


def test_both_sides_of_a_team_have_one_scale() -> None:
    before = [Told(100, "web", "same"), Told(100, "web", "saved"), Told(100, "web", "saved")]
    text = svg(report([Team(team="web", before=3, after=1)], before, before[:1]), "t", ("0", "1"))
    heights = [
        float(each.get("height", "0"))
        for each in ET.fromstring(text).iter()
        if each.tag.endswith("rect") and each.get("width") == "3"
    ]
    assert heights[2] == pytest.approx(18 * (1 + 2 / 3) / 3, abs=0.1)
    assert sum(heights[:2]) == pytest.approx(18, abs=0.1)


def test_no_page_at_all_is_said() -> None:
    assert "no page in this range" in svg(report([], [], []), "t", ("0", "1"))
