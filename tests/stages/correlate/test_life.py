"""An incident's life: opened by the first alert, left alone by repetitions, resolved by quiet."""

from msgspec.structs import replace

from pipeline.stages.correlate.config import TEXT_SHOWN_MAX
from tests.chain import START_MS
from tests.stages.correlate.alerts import SCOPE, Bench, firing, resolved


def test_the_first_alert_opens_an_incident() -> None:
    bench = Bench()
    bench.send(firing("HighErrorRate", service="checkout", description="5xx above 5 %"))
    incident = bench.incident()
    assert incident.incident_id == f"{SCOPE}.1"
    assert incident.title == "HighErrorRate on checkout"
    assert (incident.status, incident.severity) == ("triggered", "error")
    assert (incident.alert_count, incident.firing_count, incident.event_count) == (1, 1, 1)
    assert [ref.name for ref in incident.alerts] == ["HighErrorRate"]
    assert incident.opened_at_ms == bench.now_ms
    assert bench.reasons_of() == ["opened"]


def test_a_repetition_leaves_the_incident_alone() -> None:
    bench = Bench()
    alert = firing("HighErrorRate")
    bench.send(alert)
    bench.chain.outputs("incidents")
    bench.chain.outputs("audit")
    bench.send(alert, alert, alert)
    assert bench.chain.outputs("incidents") == []
    assert bench.chain.outputs("audit") == []
    assert bench.reason_count("duplicate") == 3
    (row,) = bench.rows().values()
    assert (row.count, row.pending) == (4, 3)


def test_repetitions_reach_the_incident_once_a_minute() -> None:
    bench = Bench()
    alert = firing("HighErrorRate")
    bench.send(alert, alert)
    bench.advance("61s")
    bench.chain.outputs("incidents")
    bench.send(alert, alert)
    (shown,) = bench.chain.outputs("incidents")
    assert shown.event_count == 3
    assert bench.reason_count("counted") == 1


def test_it_resolves_after_a_quiet_time() -> None:
    bench = Bench(quiet="2m")
    alert = firing("HighErrorRate")
    bench.send(alert, resolved(alert, START_MS))
    assert bench.incident().is_open
    assert bench.incident().firing_count == 0
    bench.advance("119s")
    assert bench.incident().is_open
    bench.advance("1s")
    assert bench.incident().status == "resolved"
    assert bench.incident().resolved_at_ms == bench.now_ms
    assert bench.reasons_of() == ["opened", "resolved", "quiet"]


def test_without_quiet_time_it_resolves_at_once() -> None:
    bench = Bench(quiet="off")
    alert = firing("HighErrorRate")
    bench.send(alert, resolved(alert, START_MS))
    assert bench.incident().status == "resolved"


def test_an_alert_in_the_quiet_time_keeps_it_open() -> None:
    bench = Bench(quiet="2m")
    alert = firing("HighErrorRate")
    bench.send(alert, resolved(alert, START_MS))
    bench.advance("1m")
    bench.send(replace(alert, starts_at_ms=bench.now_ms))
    bench.advance("10m")
    assert bench.incident().is_open
    assert bench.incident().firing_count == 1
    assert bench.incident().reopened_count == 0


def test_an_acknowledged_one_resolves_too() -> None:
    bench = Bench()
    alert = firing("HighErrorRate")
    bench.send(alert)
    assert bench.command("acknowledge").result == "applied"
    assert bench.incident().acknowledged_by == "ann"
    bench.send(resolved(alert, START_MS))
    bench.advance("1m")
    assert bench.incident().status == "resolved"
    assert bench.incident().acknowledged_by == "ann"


def test_it_resolves_when_all_its_alerts_did() -> None:
    bench = Bench(rules=[{"name": "by-service", "group_by": ["service"]}])
    one, two = firing("A", service="s"), firing("B", service="s")
    bench.send(one, two, resolved(one, START_MS))
    bench.advance("1h")
    assert bench.incident().is_open
    assert [ref.status for ref in bench.incident().alerts] == ["resolved", "firing"]
    bench.send(resolved(two, bench.now_ms))
    bench.advance("1m")
    assert bench.incident().status == "resolved"


def test_severity_is_the_highest_of_those_that_fire() -> None:
    bench = Bench(rules=[{"name": "all"}])
    low, high = firing("A", severity="warning"), firing("B", severity="critical")
    bench.send(low)
    assert bench.incident().severity == "warning"
    bench.send(high)
    assert bench.incident().severity == "critical"
    bench.send(resolved(high, START_MS))
    assert bench.incident().severity == "warning"
    bench.send(replace(low, severity="error"))
    assert bench.incident().severity == "error"
    assert bench.reasons_of()[-1] == "severity"


def test_another_tenant_or_region_is_another_scope() -> None:
    bench = Bench(rules=[{"name": "all"}])
    bench.send(firing("A"))
    bench.send(firing("A"), tenant="other")
    bench.send(firing("A", region="us"))
    assert len({incident.scope_id for incident in bench.incidents().values()}) == 3
    assert {incident.tenant for incident in bench.incidents().values()} == {"default", "other"}


def test_a_long_text_is_cut_on_the_incident_and_a_long_address_left_out() -> None:
    bench = Bench()
    long = "h" * (TEXT_SHOWN_MAX + 1)
    bench.send(firing("A", annotations={"summary": long, "panel_url": long, "image_url": "i"}))
    shown = bench.incident().annotations
    assert shown == {"summary": long[:-1], "image_url": "i"}
