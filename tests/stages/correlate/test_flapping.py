"""One alert that flaps is one incident, and stays firing until it is calm."""

from msgspec.structs import replace

from tests.stages.correlate.alerts import Bench, firing, resolved


def flap(bench: Bench, times: int) -> None:
    for _ in range(times):
        alert = firing("A", starts_at_ms=bench.now_ms)
        bench.send(alert)
        bench.advance("20s")
        bench.send(resolved(alert, bench.now_ms))
        bench.advance("20s")


def test_a_flapping_alert_is_one_incident_that_is_never_resolved_meanwhile() -> None:
    bench = Bench(flap={"changes": 4, "window": "10m", "hold": "5m"})
    flap(bench, 20)
    (incident,) = bench.incidents().values()
    assert incident.is_open
    assert (incident.reopened_count, incident.alert_count, incident.firing_count) == (0, 1, 1)
    assert bench.reasons_of().count("flapping") == 1
    assert bench.reason_count("flapped") > 20


def test_it_resolves_when_it_was_told_so_and_is_calm() -> None:
    bench = Bench(flap={"changes": 4, "window": "10m", "hold": "5m"}, quiet="off")
    flap(bench, 10)
    bench.advance("4m")
    assert bench.incident().is_open
    bench.advance("41s")
    assert bench.incident().status == "resolved"
    assert bench.reasons_of()[-2:] == ["calm", "quiet"]
    assert bench.incident().firing_count == 0


def test_it_goes_on_firing_when_it_fires_and_is_calm() -> None:
    bench = Bench(flap={"changes": 4, "window": "10m", "hold": "5m"})
    flap(bench, 10)
    alert = firing("A", starts_at_ms=bench.now_ms)
    bench.send(alert)
    bench.advance("1h")
    assert bench.incident().firing_count == 1
    (row,) = bench.rows().values()
    assert (row.is_flapping, row.changes) == (False, ())
    bench.send(resolved(alert, bench.now_ms))
    assert bench.incident().firing_count == 0


def test_slow_changes_are_no_flapping() -> None:
    bench = Bench(flap={"changes": 4, "window": "10m", "hold": "5m"})
    for _ in range(6):
        alert = firing("A", starts_at_ms=bench.now_ms)
        bench.send(alert)
        bench.advance("3m")
        bench.send(resolved(alert, bench.now_ms))
        bench.advance("3m")
    assert bench.reason_count("flapping") == 0
    assert not bench.incident().is_open


def test_a_late_resolve_of_an_episode_before_the_flapping_changes_nothing() -> None:
    bench = Bench(flap={"changes": 2, "window": "10m", "hold": "5m"})
    flap(bench, 3)
    old = replace(resolved(firing("A"), bench.now_ms), starts_at_ms=1)
    before = bench.rows()
    bench.send(old)
    assert bench.rows() == before


def test_flapping_can_be_turned_off() -> None:
    bench = Bench(flap={"changes": 0}, quiet="off")
    flap(bench, 10)
    assert not bench.incident().is_open
    assert bench.incident().reopened_count == 9


def test_an_announced_end_while_flapping_waits_until_calm() -> None:
    bench = Bench(flap={"changes": 2, "window": "10m", "hold": "5m"}, quiet="off")
    flap(bench, 3)
    bench.send(firing("A", starts_at_ms=bench.now_ms, ends_at_ms=bench.now_ms + 60_000))
    bench.advance("5m")
    assert bench.incident().is_open
    bench.advance("2m")
    assert bench.incident().status == "resolved"


def test_a_change_of_severity_while_flapping_is_counted() -> None:
    bench = Bench(flap={"changes": 2, "window": "10m", "hold": "5m"})
    flap(bench, 3)
    bench.send(firing("A", starts_at_ms=bench.now_ms, severity="critical"))
    assert bench.incident().severity == "critical"
    assert bench.incident().firing_count == 1
