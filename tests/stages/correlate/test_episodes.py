"""Alerts of one identity are ordered by their own times, whatever order they come in."""

import pytest
from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.stages.correlate.episodes import Turn, decide, decide_wake, due_at
from pipeline.stages.correlate.tables import AlertRow
from tests.chain import START_MS
from tests.stages.correlate.alerts import Bench, config, firing, resolved

CONFIG = config()
MINUTE = 60_000
NOW = START_MS + 60 * MINUTE


def at(minute: float) -> int:
    return START_MS + round(minute * MINUTE)


FIRING = AlertRow(is_firing=True, severity="error", starts_at_ms=at(10), seen_at_ms=at(10))
ENDED = AlertRow(severity="error", starts_at_ms=at(10), ended_at_ms=at(20), seen_at_ms=at(20))
PRESUMED = replace(ENDED, is_presumed=True)
UNTIMED = AlertRow(severity="error", ended_at_ms=at(20), seen_at_ms=at(20))


def fires(minute: float, ends: float = 0, **fields: object) -> Alert:
    return firing("A", starts_at_ms=at(minute), ends_at_ms=at(ends) if ends else 0, **fields)


def ends(starts: float, minute: float) -> Alert:
    return resolved(fires(starts), at(minute))


@pytest.mark.parametrize(
    ("row", "alert", "turn"),
    [
        (None, fires(10), Turn.FIRES),
        (None, ends(10, 20), Turn.RESOLVED_FIRST),
        (None, fires(10, ends=20), Turn.RESOLVED_FIRST),
        (None, fires(10, ends=70), Turn.FIRES),
        (FIRING, fires(10), Turn.SAME),
        (FIRING, replace(fires(10), starts_at_ms=0), Turn.SAME),
        (FIRING, fires(9), Turn.LATE),
        (FIRING, fires(11), Turn.RENEWED),
        (FIRING, fires(10, severity="critical"), Turn.SEVERITY),
        (FIRING, fires(10, severity="info"), Turn.SEVERITY),
        (FIRING, fires(9, severity="critical"), Turn.LATE),
        (FIRING, ends(10, 20), Turn.RESOLVES),
        (FIRING, fires(10, ends=20), Turn.RESOLVES),
        (FIRING, replace(ends(10, 20), starts_at_ms=0), Turn.RESOLVES),
        (FIRING, ends(5, 8), Turn.LATE),
        (FIRING, replace(ends(5, 8), starts_at_ms=0), Turn.LATE),
        (FIRING, replace(ends(10, 0), ends_at_ms=0), Turn.RESOLVES),
        (ENDED, fires(10), Turn.LATE),
        (ENDED, fires(5), Turn.LATE),
        (ENDED, fires(19), Turn.LATE),
        (ENDED, fires(20), Turn.FIRES),
        (ENDED, fires(30), Turn.FIRES),
        (ENDED, ends(10, 20), Turn.SAME),
        (ENDED, replace(fires(0), starts_at_ms=0, received_at_ms=at(19)), Turn.LATE),
        (ENDED, replace(fires(0), starts_at_ms=0, received_at_ms=at(21)), Turn.FIRES),
        (PRESUMED, fires(10), Turn.FIRES),
        (UNTIMED, fires(19), Turn.LATE),
        (UNTIMED, fires(21), Turn.FIRES),
    ],
)
def test_what_an_alert_means(row: AlertRow | None, alert: Alert, turn: Turn) -> None:
    assert decide(row, alert, NOW, CONFIG).turn is turn


def test_an_end_in_the_future_of_a_resolved_alert_counts_as_now() -> None:
    row = decide(FIRING, ends(10, 90), NOW, CONFIG).row
    assert row.ended_at_ms == NOW


def test_an_announced_end_only_moves_on_within_an_episode() -> None:
    row = decide(None, fires(10, ends=70), NOW, CONFIG).row
    assert row.ends_at_ms == at(70)
    row = decide(row, fires(10, ends=80), NOW, CONFIG).row
    assert row.ends_at_ms == at(80)
    assert decide(row, fires(10, ends=75), NOW, CONFIG).row.ends_at_ms == at(80)
    assert decide(row, fires(11, ends=75), NOW, CONFIG).row.ends_at_ms == at(75)


@pytest.mark.parametrize(
    ("row", "minute", "turn"),
    [
        (replace(FIRING, ends_at_ms=at(30)), 29, Turn.SAME),
        (replace(FIRING, ends_at_ms=at(30)), 30, Turn.ENDS),
        (FIRING, 10 + 7 * 24 * 60 - 1, Turn.SAME),
        (FIRING, 10 + 7 * 24 * 60, Turn.TIMES_OUT),
        (ENDED, 20 + 24 * 60 - 1, Turn.SAME),
        (ENDED, 20 + 24 * 60, Turn.FORGETS),
    ],
)
def test_what_time_means(row: AlertRow, minute: float, turn: Turn) -> None:
    assert decide_wake(row, at(minute), CONFIG).turn is turn
    assert (due_at(row, CONFIG) <= at(minute)) is (turn is not Turn.SAME)


def test_an_alert_ends_by_itself_when_it_said_it_would() -> None:
    bench = Bench(quiet="off")
    bench.send(firing("A", ends_at_ms=bench.now_ms + 4 * MINUTE))
    bench.advance("3m")
    assert bench.incident().is_open
    bench.advance("1m")
    assert bench.incident().status == "resolved"
    assert bench.reasons_of() == ["opened", "ended", "quiet"]
    assert bench.incident().alerts[0].status == "resolved"


def test_who_repeats_in_time_never_ends() -> None:
    bench = Bench(quiet="off")
    for _ in range(30):
        bench.send(firing("A", ends_at_ms=bench.now_ms + 4 * MINUTE))
        bench.advance("1m")
    assert bench.incident().is_open
    bench.advance("3m")
    assert not bench.incident().is_open


def test_a_presumed_end_is_contradicted_by_the_same_episode() -> None:
    bench = Bench(quiet="off")
    alert = firing("A", ends_at_ms=START_MS + 4 * MINUTE)
    bench.send(alert)
    bench.advance("5m")
    assert not bench.incident().is_open
    bench.send(replace(alert, ends_at_ms=bench.now_ms + 4 * MINUTE))
    assert bench.incident().is_open
    assert bench.incident().reopened_count == 1


def test_what_is_not_heard_of_any_more_times_out() -> None:
    bench = Bench(resolve_timeout="2h", quiet="off")
    alert = firing("A")
    bench.send(alert)
    bench.advance("90m")
    bench.send(alert)
    bench.advance("119m")
    assert bench.incident().is_open
    bench.advance("1m")
    assert not bench.incident().is_open
    assert "timed_out" in bench.reasons_of()


def test_a_resolve_that_comes_first_ends_the_firing_that_follows() -> None:
    bench = Bench()
    bench.advance("1h")
    bench.send(ends(10, 20), fires(10))
    assert bench.incidents() == {}
    assert (bench.reason_count("resolved_first"), bench.reason_count("late")) == (1, 1)
    bench.send(fires(30))
    assert bench.incident().is_open


def test_it_is_remembered_for_a_bounded_time() -> None:
    bench = Bench(remember="2h")
    bench.send(resolved(firing("A"), START_MS))
    bench.advance("2h")
    assert bench.rows() == {}
    assert bench.reason_count("forgotten") == 1


def test_year_one_is_an_open_instant() -> None:
    bench = Bench(quiet="off")
    year_one = -62_135_596_800_000
    alert = firing("A", ends_at_ms=year_one, starts_at_ms=year_one)
    bench.send(alert)
    bench.advance("1h")
    assert bench.incident().is_open
    assert (bench.incident().starts_at_ms, bench.incident().alerts[0].ends_at_ms) == (0, 0)
    bench.send(replace(alert, status="resolved"))
    assert not bench.incident().is_open


def test_a_late_resolve_of_an_older_episode_ends_nothing() -> None:
    bench = Bench()
    bench.advance("1h")
    bench.send(fires(10), ends(10, 20), fires(30), ends(10, 20))
    assert bench.incident().firing_count == 1


def test_everything_is_forgotten_in_the_end() -> None:
    bench = Bench(
        {"a": ["b"]},
        rules=[{"name": "all", "group_by": ["service"]}],
        dependency={"hops": 1, "gap": "2m"},
    )
    for name in ("a", "b"):
        alert = firing("X", service=name, alert_id=f"k-{name}")
        bench.send(alert)
        bench.send(resolved(replace(alert, alert_id=f"k-{name}-2"), START_MS))
    bench.advance("40d")
    left = {
        spec.name: bench.chain.table(spec)
        for spec in bench.stage.tables
        if spec.name != "correlate-scopes"
    }
    assert left == {name: {} for name in left}
    assert bench.chain.task.next_due_ms > 2**61
