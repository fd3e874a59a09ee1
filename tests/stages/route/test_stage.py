"""The stage on the real Task: who is told, once, in which order, and why."""

from __future__ import annotations

from pipeline.domain.units import Duration
from pipeline.stages.route.config import Route
from pipeline.stages.route.look import DELIVERIES_MAX
from tests.stages.route.world import INCIDENT, World, receiver, said

ON_CALL = Route(receiver="on-call")


def test_an_incident_is_told_once_acknowledged_once_resolved_once() -> None:
    world = World(ON_CALL)
    [first] = world.open()
    assert (first.notification_id, first.action) == (f"{INCIDENT}/on-call/1", "trigger")
    assert world.alert() == []
    assert said(world.acknowledge()) == [("on-call", "acknowledge", 2)]
    assert world.alert() == []
    assert said(world.resolve()) == [("on-call", "resolve", 3)]
    assert world.alert() == []
    assert world.advance("30d") == []
    assert world.chain.reasons["route.first"] == 1


def test_a_notification_says_why_and_carries_the_incident() -> None:
    world = World(ON_CALL)
    [first] = world.open(
        service="shop",
        labels={"host": "web-1", "team": "shop"},
        annotations={"runbook_url": "https://wiki.example/down"},
    )
    assert first.why == "on-call is told first, by routes"
    assert (first.service, first.source, first.team) == ("shop", "web-1", "shop")
    assert [link.href for link in first.links] == ["https://wiki.example/down"]
    assert first.received_at_ms == first.created_at_ms == world.chain.now_ms
    assert world.lines() == ["route.first"]


def test_a_receipt_completes_the_delivery_and_tells_nobody() -> None:
    world = World(ON_CALL)
    [first] = world.open()
    world.receipt(first, "delivered", ref="PD1")
    [delivery] = world.kept().routing.deliveries
    assert (delivery.result, delivery.ref, delivery.sequence) == ("delivered", "PD1", 1)
    world.acknowledge()
    world.receipt(first, "refused", ref="PD2")
    [delivery] = world.kept().routing.deliveries
    assert (delivery.action, delivery.result, delivery.ref) == ("acknowledge", "", "PD2")


def test_what_gets_worse_is_told_again_and_what_gets_better_is_not() -> None:
    world = World(ON_CALL)
    world.open(severity="warning")
    [worse] = world.alert(severity="critical")
    assert (worse.action, worse.sequence, worse.severity) == ("trigger", 2, "critical")
    assert world.alert(severity="info") == []
    assert world.alert(severity="critical") == []


def test_repeat_tells_again_until_somebody_acknowledges() -> None:
    world = World(Route(receiver="chat", repeat=Duration.parse("1h")))
    world.open()
    assert world.advance("59m") == []
    assert said(world.advance("2m")) == [("chat", "trigger", 2)]
    assert said(world.advance("2h")) == [("chat", "trigger", 3), ("chat", "trigger", 4)]
    world.acknowledge()
    assert world.advance("12h") == []


def test_a_receiver_may_switch_repeat_off() -> None:
    root = Route(receiver="chat", repeat=Duration.parse("1h"))
    world = World(root, receivers={"chat": receiver(repeat="off")})
    world.open()
    assert world.advance("12h") == []


def test_wait_delays_only_receivers_that_batch() -> None:
    root = Route(
        wait=Duration.parse("30s"),
        receiver="on-call",
        routes=(
            Route(receiver="mail", is_continuing=True),
            Route(receiver="on-call"),
        ),
    )
    world = World(root, receivers={"mail": receiver(batch=True), "on-call": receiver()})
    assert said(world.open()) == [("on-call", "trigger", 1)]
    assert world.lines() == ["route.waiting", "route.first"]
    assert said(world.advance("30s")) == [("mail", "trigger", 1)]


def test_what_is_over_before_the_wait_is_never_told() -> None:
    root = Route(receiver="mail", wait=Duration.parse("30s"))
    world = World(root, receivers={"mail": receiver(batch=True)})
    world.open()
    assert world.resolve() == []
    assert world.advance("1h") == []
    assert world.lines() == ["route.waiting", "route.over"]


def test_the_resolve_goes_to_whoever_was_told_whatever_the_routes_say_now() -> None:
    root = Route(receiver="on-call", routes=(Route(match=('team="shop"',), receiver="shop"),))
    world = World(root)
    assert said(world.open(labels={"team": "shop"})) == [("shop", "trigger", 1)]
    assert said(world.alert(labels={})) == [("on-call", "trigger", 1)]
    assert sorted(said(world.resolve())) == [("on-call", "resolve", 2), ("shop", "resolve", 2)]


def test_resolved_off_is_silent_and_a_reopened_incident_is_told_again() -> None:
    world = World(Route(receiver="on-call", resolved=False))
    world.open()
    assert world.resolve() == []
    assert world.lines() == ["route.first", "route.resolved_off"]
    assert said(world.reopen()) == [("on-call", "trigger", 2)]


def test_the_merged_one_is_over_for_its_receivers() -> None:
    world = World(ON_CALL)
    world.open()
    [over] = world.command("merge", merged_into=f"{INCIDENT}9")
    assert (over.action, over.why) == (
        "resolve",
        f"on-call is told that it is over: merged into {INCIDENT}9",
    )
    assert world.alert() == []


def test_a_snooze_holds_back_until_it_ends() -> None:
    world = World(ON_CALL)
    world.open(severity="warning")
    until_ms = world.chain.now_ms + 600_000
    assert world.command("snooze", snoozed_until_ms=until_ms) == []
    assert world.alert(severity="critical") == []
    assert said(world.advance("10m")) == [("on-call", "trigger", 2)]
    assert world.advance("10h") == []


def test_a_snooze_that_ends_says_so_again() -> None:
    world = World(ON_CALL)
    world.open()
    world.command("snooze", snoozed_until_ms=world.chain.now_ms + 600_000)
    assert [each.why for each in world.advance("10m")] == ["on-call is told: the snooze is over"]
    assert world.advance("10h") == []


def test_none_is_silence_on_purpose_with_its_reason_once() -> None:
    world = World(Route(receiver="none"))
    assert world.open() == []
    assert world.alert(event_count=7) == []
    assert world.lines() == ["route.nobody"]


def test_a_test_is_told_only_on_a_route_that_asks_for_tests() -> None:
    asking = Route(match=('is_test="true"',), receiver="canary")
    world = World(Route(receiver="on-call"))
    assert world.open(is_test=True) == []
    assert world.lines() == ["route.test"]
    world = World(Route(receiver="on-call", routes=(asking,)))
    assert said(world.open(is_test=True)) == [("canary", "trigger", 1)]


def test_min_severity_holds_back_until_it_is_reached() -> None:
    world = World(Route(receiver="on-call", min_severity="error"))
    assert world.open(severity="warning") == []
    assert world.lines() == ["route.too_low"]
    assert said(world.alert(severity="error")) == [("on-call", "trigger", 1)]


def test_what_gets_worse_after_an_acknowledgement_is_told_and_left_to_its_owner() -> None:
    world = World(Route(receiver="on-call", repeat=Duration.parse("1h")))
    world.open(severity="warning")
    world.advance("1m")
    world.acknowledge()
    world.advance("1m")
    assert said(world.alert(severity="critical")) == [("on-call", "trigger", 3)]
    assert world.alert(event_count=9) == [], "no second acknowledgement for one"
    assert world.advance("12h") == []


def test_getting_worse_and_an_acknowledgement_at_once_are_told_once_each() -> None:
    world = World(ON_CALL)
    world.open(severity="warning")
    world.advance("1m")
    world.change(severity="critical")
    assert [action for _, action, _ in said(world.acknowledge())] == [
        "acknowledge",
        "trigger",
    ]
    assert world.alert() == []


def test_acknowledged_off_is_silent_with_its_reason() -> None:
    world = World(Route(receiver="on-call", acknowledged=False))
    world.open()
    assert world.acknowledge() == []
    assert world.lines() == ["route.first", "route.acknowledged_off"]
    assert said(world.resolve()) == [("on-call", "resolve", 2)]


def test_what_somebody_has_already_is_not_told_to_further_receivers() -> None:
    root = Route(receiver="on-call", routes=(Route(match=('team="b"',), receiver="b"),))
    world = World(root)
    world.open()
    world.acknowledge()
    assert world.alert(labels={"team": "b"}) == []
    assert world.lines()[-2:] == ["route.owned", "route.rerouted"]


def test_receivers_beyond_the_limit_are_not_told_and_the_incident_says_so() -> None:
    world = World(
        Route(
            receiver="root",
            routes=tuple(Route(match=(f"n={at}",), receiver=f"r{at}") for at in range(60)),
        )
    )
    world.open(labels={"n": "0"})
    told = sum(len(world.alert(labels={"n": str(at)})) for at in range(1, 60))
    assert told == DELIVERIES_MAX - 1
    assert world.lines()[-2] == "route.full"
    assert len(world.resolve()) == DELIVERIES_MAX


def test_links_of_the_alert_that_caused_it_are_sent_along() -> None:
    world = World(ON_CALL)
    world.annotations = {"image_url": "https://img.example/a.png"}
    [first] = world.open()
    assert [(link.href, link.is_image) for link in first.links] == [
        ("https://img.example/a.png", True)
    ]
