"""Sense: what begins is counted, what is unusual is shown, and what only repeats costs nothing."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from pipeline.domain.incident import UNUSUAL_MAX, Unusual
from pipeline.domain.wiring import Wiring
from pipeline.stages import sense
from pipeline.stages.sense import follow, roster
from pipeline.stages.sense.config import Sense
from pipeline.stages.sense.said import shown
from pipeline.stages.sense.tables import OPEN, ROSTER, SERIES
from tests.stages.sense.given import Scope, texts

MINUTE = 60_000


def test_a_burst_is_shown_with_what_was_usual() -> None:
    scope = Scope()
    scope.quiet_days()
    assert texts(scope.incidents()) == []

    found = [each for one in scope.fire(40) for each in one.unusual]
    assert [each.value for each in found] == [4, 8, 16, 32]
    assert texts(scope.incidents()) == ["rate DiskFull on db"]
    last = found[-1]
    assert last.low <= last.expected < 1
    assert last.high == 1
    assert last.window_ms == 5 * MINUTE


def test_the_last_incident_shows_what_the_window_came_to() -> None:
    scope = Scope()
    scope.quiet_days()
    scope.fire(37)
    before = scope.incidents()[-1].unusual
    scope.chain.advance("11m")

    (after,) = scope.incidents()[-1].unusual
    assert not before
    assert after.value == 37
    said = [r for r in scope.chain.outputs("audit") if r.reason == "sense.many"]
    assert said[-1].facts["value"] == "37"


def test_a_value_beyond_all_before_is_shown_at_once() -> None:
    scope = Scope(Sense(window=0))  # type: ignore[arg-type]
    for number in range(200):
        scope.fire(metric="disk_used", value=90.0 + number % 5)
        scope.chain.advance("7m")
    assert texts(scope.incidents()) == []

    (incident,) = scope.fire(metric="disk_used", value=99.5)
    (found,) = incident.unusual
    assert (found.kind, found.series, found.value) == ("value", "disk_used of db", 99.5)
    assert 90 <= found.expected <= 94
    assert found.high < 99.5
    assert any("unusual: disk_used of db is 99.5" in line.text for line in incident.reasons)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_value(value: float) -> None:
    scope = Scope()
    scope.fire(metric="disk_used", value=value)
    assert [row.kind for row in scope.chain.table(OPEN).values()] == ["rate"]


def test_repeats_ends_and_tests_change_no_row() -> None:
    scope = Scope()
    scope.fire()
    firing = scope.alert(metric="m", value=1.0)
    scope.chain.send("alerts", "", firing)
    rows = scope.chain.table(OPEN), scope.chain.table(SERIES)
    scope.chain.touched.clear()

    for _ in range(5):
        scope.chain.send("alerts", "", replace(firing, value=2.0))
    scope.chain.send("alerts", "", replace(firing, status="resolved"))
    scope.fire(is_test=True)
    assert (scope.chain.table(OPEN), scope.chain.table(SERIES)) == rows
    assert not {"sense-open", "sense-series", "sense-roster"} & scope.chain.touched.keys()


def test_an_alert_changes_a_small_row_and_a_window_one_large_one() -> None:
    scope = Scope()
    scope.quiet_days()
    scope.chain.touched.clear()
    scope.fire(3)
    assert "sense-series" not in scope.chain.touched
    scope.chain.advance("11m")
    assert len(scope.chain.touched["sense-series"]) == 1


def test_values_of_one_window_are_bounded() -> None:
    scope = Scope()
    scope.fire(follow.VALUES_MAX + 5, metric="m", value=1.0)
    (row,) = [row for row in scope.chain.table(OPEN).values() if row.kind == "value"]
    assert row.points == follow.VALUES_MAX
    assert scope.chain.reasons["sense.crowded"] == 5


def test_a_scope_follows_so_many_series_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "SERIES_MAX", 3)
    scope = Scope()
    for number in range(5):
        scope.fire(name=f"Rule{number}")
    assert len(scope.chain.table(OPEN)) == 3
    assert [row.count for row in scope.chain.table(ROSTER).values()] == [3]
    assert scope.chain.reasons["sense.full"] == 2

    scope.chain.advance("3d")  # little is known of them, so they are forgotten soon
    assert scope.chain.table(OPEN) == scope.chain.table(SERIES) == scope.chain.table(ROSTER) == {}
    scope.fire(name="Rule4")
    assert len(scope.chain.table(OPEN)) == 1


def test_a_known_series_is_kept_for_a_month_of_silence() -> None:
    scope = Scope()
    scope.quiet_days()
    scope.chain.advance("29d")
    assert len(scope.chain.table(SERIES)) == 1
    scope.chain.advance("2d")
    assert scope.chain.table(SERIES) == {}


def test_an_incident_shows_of_each_series_the_strongest_and_of_all_a_few() -> None:
    (incident,) = Scope().fire()
    one = Unusual(
        series="a", kind="value", at_ms=1, value=9, expected=1, low=0, high=2, strength=1.0
    )
    weaker, later = replace(one, strength=0.5), replace(one, strength=2.0, at_ms=2)
    assert shown(incident, [one, weaker]).unusual == (one,)
    assert shown(incident, [one, later]).unusual == (later,)

    many = [replace(one, series=f"s{at}", strength=float(at)) for at in range(UNUSUAL_MAX + 2)]
    found = shown(shown(incident, many[::2]), many[1::2]).unusual
    assert found == tuple(many[:1:-1])


@pytest.mark.parametrize("received_at_ms", [0, 1, 2**45, -5])
def test_a_wrong_clock_counts_as_of_now(received_at_ms: int) -> None:
    scope = Scope()
    scope.fire(2, received_at_ms=received_at_ms)
    (row,) = scope.chain.table(OPEN).values()
    assert row.window.count == 2
    assert 0 <= scope.chain.now_ms - row.window.at_ms < 5 * MINUTE


def test_without_a_detector_or_by_order_nothing_is_followed() -> None:
    off = Sense(window=0, values=False)  # type: ignore[arg-type]
    for scope in (Scope(off), Scope()):
        if scope.stages[1]._has_values:
            scope.chain.restart(scope.stages[0], sense.build(Wiring()))
        scope.fire(3, metric="m", value=1.0)
        assert scope.chain.table(OPEN) == {}


@pytest.mark.parametrize("window", [1, 59_999, 3_600_001])
def test_a_window_is_neither_too_short_nor_too_long(window: int) -> None:
    with pytest.raises(ValueError, match="window"):
        Sense(window=window)  # type: ignore[arg-type]
