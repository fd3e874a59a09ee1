"""The stage `watch` on the real Task: beats, alarms, tenants, reloads, and the law of gaps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.alert import Alert
from pipeline.domain.ids import scope_id
from pipeline.domain.stage import Context, TableSpec
from pipeline.domain.units import Duration
from pipeline.domain.wiring import Wiring
from pipeline.stages.watch import build
from pipeline.stages.watch.alarm import HEARD, hearsay
from pipeline.stages.watch.config import Heartbeat
from pipeline.stages.watch.due import FORGET_MS
from pipeline.stages.watch.stage import WatchStage
from pipeline.stages.watch.tables import BEATS
from tests.chain import Chain

WITHIN_MS = 300_000
HOME = scope_id("default", ("", ""))


class Emitter:
    """Emits each alert that reaches it, under the tenant for whom it came."""

    name = "emitter"
    accepts = (Alert,)
    tables: tuple[TableSpec[Any], ...] = ()

    def process(self, event: Alert, ctx: Context) -> None:
        """Emit."""
        ctx.emit("alerts", ctx.origin.tenant, event)

    def wake(self, key: str, ctx: Context) -> None:
        """Asks for none."""


def heartbeat(name: str = "Gone", **fields: Any) -> Heartbeat:
    given = {"match": ('alertname="Watchdog"',), "within": Duration(WITHIN_MS), **fields}
    return Heartbeat(name=name, **given)


def stage(*heartbeats: Heartbeat) -> WatchStage:
    return build(Wiring(sections={"heartbeats": heartbeats}))


def world(*heartbeats: Heartbeat) -> Chain:
    return Chain([stage(*heartbeats), Emitter()])


def send(chain: Chain, name: str, tenant: str = "default", **fields: Any) -> None:
    event = Alert(alert_id="o-1", fingerprint="f" * 16, name=name, **fields)
    chain.send("alerts", "k", event, {"tenant": tenant})


def alerts(chain: Chain) -> list[Alert]:
    """What went on, without what tasks tell each other."""
    return [each for each in chain.outputs("alerts") if each.name != HEARD]


def said(chain: Chain) -> list[tuple[str, str]]:
    return [(each.status, each.name) for each in alerts(chain)]


def test_without_heartbeats_everything_passes_and_nothing_is_kept() -> None:
    chain = world()
    send(chain, "Watchdog")
    assert said(chain) == [("firing", "Watchdog")]
    assert chain.table(BEATS) == {}


def test_the_two_alerts_are_about_one_fact() -> None:
    chain = world(heartbeat(severity="error"))
    send(chain, "Watchdog", environment="prod", labels={"team": "a"})
    chain.advance(WITHIN_MS)
    missing_at_ms = chain.now_ms
    chain.advance("1h")
    send(chain, "Watchdog", environment="prod")
    fired, resolved = alerts(chain)
    assert (fired.status, resolved.status) == ("firing", "resolved")
    assert fired.fingerprint == resolved.fingerprint
    assert fired.alert_id != resolved.alert_id
    assert (fired.environment, fired.severity, fired.source) == ("prod", "error", "tocsin")
    assert fired.labels == {"environment": "prod", "heartbeat": "Gone"}
    assert fired.starts_at_ms == resolved.starts_at_ms == missing_at_ms
    assert resolved.ends_at_ms == chain.now_ms
    assert "every 5m and has stopped" in fired.description


def test_a_resolved_or_a_test_alert_is_no_beat() -> None:
    chain = world(heartbeat())
    send(chain, "Watchdog", environment="prod")
    chain.advance(WITHIN_MS - 1)
    send(chain, "Watchdog", environment="prod", status="resolved")
    send(chain, "Watchdog", environment="prod", is_test=True)
    assert said(chain) == [("firing", "Watchdog")]
    chain.advance(1)
    assert said(chain) == [("firing", "Gone")]
    assert chain.reasons["watch.no-beat"] == 1


def test_an_alarm_is_for_the_tenant_whose_beats_stopped() -> None:
    chain = world(heartbeat())
    send(chain, "Watchdog", tenant="team-a", environment="prod")
    chain.advance(WITHIN_MS)
    effects = chain.run([])
    assert effects.outputs == []
    assert list(chain.table(BEATS)) == [f"{scope_id('team-a', ('prod', ''))}/Gone"]
    keys = [output.key for output in chain._outputs if output.topic == "alerts"]
    assert keys == [HOME, "team-a"]


def test_a_placeholder_that_paged_is_taken_back_for_its_own_tenant() -> None:
    chain = world(heartbeat())
    send(chain, "Other")
    chain.advance(WITHIN_MS)
    assert said(chain) == [("firing", "Other"), ("firing", "Gone")]
    send(chain, "Watchdog", tenant="team-a", environment="prod")
    for _ in range(4):
        chain.advance("2m")
        send(chain, "Watchdog", tenant="team-a", environment="prod")
    keys = [(o.key, o.event.status) for o in chain._outputs if isinstance(o.event, Alert)]
    assert keys == [("default", "resolved")]
    assert f"{HOME}/Gone" not in chain.table(BEATS)


def test_only_what_comes_without_scope_labels_arms() -> None:
    chain = world(heartbeat())
    send(chain, "Other", environment="prod")
    send(chain, "Other", tenant="team-a")
    assert chain.table(BEATS) == {}
    send(chain, "Other")
    assert list(chain.table(BEATS)) == [f"{HOME}/Gone"]


def test_a_beat_at_another_task_ends_what_is_expected_here() -> None:
    here, there = world(heartbeat()), world(heartbeat())
    send(here, "Other")
    send(there, "Watchdog", tenant="team-a", environment="prod")
    (told,) = [output for output in there._outputs if output.topic == "alerts"]
    (heard,) = there.outputs("alerts")
    assert (told.key, heard.name, heard.is_test) == (HOME, HEARD, True)
    here.send("alerts", HOME, heard, {"tenant": "team-a"})
    here.advance(WITHIN_MS)
    assert said(here) == [("firing", "Other")]
    assert here.table(BEATS) == {}
    for _ in range(3):
        there.advance("2m")
        send(there, "Watchdog", tenant="team-a", environment="prod")
    assert there.outputs("alerts") == []


def test_what_was_heard_before_it_was_expected_is_not_expected() -> None:
    chain = world(heartbeat(), heartbeat("Never", match=('alertname="Never"',)))
    chain.send("alerts", HOME, hearsay("Gone", "s", chain.now_ms))
    chain.send("alerts", HOME, hearsay("Nothing", "s", chain.now_ms))
    send(chain, "Other")
    assert list(chain.table(BEATS)) == [f"{HOME}/Never"]
    assert said(chain) == [("firing", "Other")]


def test_what_tasks_tell_each_other_pages_nobody_where_nothing_is_watched() -> None:
    chain = world()
    chain.send("alerts", HOME, hearsay("Gone", "s", chain.now_ms))
    assert said(chain) == []


def test_a_reload_adds_and_removes_heartbeats() -> None:
    chain = world(heartbeat("Old"))
    send(chain, "Other")
    chain.advance(WITHIN_MS)
    assert said(chain) == [("firing", "Other"), ("firing", "Old")]
    chain.restart(stage(heartbeat("New")), Emitter())
    chain.advance(WITHIN_MS)
    assert said(chain) == [("resolved", "Old")]
    send(chain, "Other")
    chain.advance(WITHIN_MS)
    assert said(chain) == [("firing", "Other"), ("firing", "New")]
    assert list(chain.table(BEATS)) == [f"{HOME}/New"]


def test_a_sender_that_was_taken_down_is_forgotten() -> None:
    chain = world(heartbeat())
    send(chain, "Watchdog", environment="prod")
    chain.advance(FORGET_MS + 2 * WITHIN_MS)
    assert said(chain) == [("firing", "Gone"), ("resolved", "Gone")]
    assert chain.table(BEATS) == {}
    chain.advance("30d")
    assert said(chain) == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": ""}, "needs a name"),
        ({"match": ()}, "at least one matcher"),
        ({"within": Duration(0)}, "a time in which"),
    ],
)
def test_a_heartbeat_that_says_too_little_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        heartbeat(**{"name": "Gone", **fields})


@given(st.lists(st.integers(1_000, 3 * WITHIN_MS), min_size=1, max_size=20))
def test_each_gap_over_the_limit_is_one_alarm_and_one_end(gaps_ms: list[int]) -> None:
    chain = world(heartbeat())
    send(chain, "Watchdog", environment="prod")
    for gap_ms in gaps_ms:
        chain.advance(gap_ms)
        send(chain, "Watchdog", environment="prod")
    long = sum(gap_ms >= WITHIN_MS for gap_ms in gaps_ms)
    assert said(chain) == [("firing", "Gone"), ("resolved", "Gone")] * long
