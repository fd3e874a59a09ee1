"""A page that is never told: one alert per receiver, none for its own pages, over in the end."""

from __future__ import annotations

from pipeline.app.upkeep.undelivered import (
    FORGOTTEN_MS,
    HOLDS_MS,
    NAME,
    RECEIVERS_MAX,
    UndeliveredWatch,
)
from pipeline.domain.notification import Receipt
from tests.app.upkeep.test_receivers import TWO
from tests.app.upkeep.world import World


async def look(world: World, watch: UndeliveredWatch, times: int = 1, wait: str = "1s") -> None:
    for _ in range(times):
        watch.take(world.driver.read("receipts"))
        await watch.run()
        world.do_wait(wait)


def receipt(receiver: str, result: str = "refused", action: str = "trigger") -> Receipt:
    return Receipt(
        notification_id="n",
        incident_id="i-1",
        scope_id="s",
        tenant="default",
        receiver=receiver,
        sequence=1,
        action=action,
        result=result,
        why="400",
    )


async def test_a_refused_page_is_told_to_another_until_the_receiver_takes_one() -> None:
    world = World(TWO)
    watch = UndeliveredWatch(world.alerts, world.now_ms)
    world.do_receiver({"on-call": "refuses"})
    for n in range(3):
        world.do_alert({"name": f"A{n}", "service": f"s{n}"})
    await look(world, watch, 20)
    assert world.pages_of_others() == [f"trigger chief: {NAME} on tocsin"]
    (alert,) = world.alerts.firing(NAME)
    (first, *_) = [i for i in world.incidents() if i.title.startswith("A0")]
    assert first.incident_id in alert.description
    assert alert.annotations == {"incident_id": first.incident_id, "why": "400"}
    world.do_receiver({"on-call": "up"})
    world.do_alert({"name": "B"})
    await look(world, watch, 12, "1m")
    assert f"resolve chief: {NAME} on tocsin" in world.pages_of_others()
    assert world.alerts.firing(NAME) == []


async def test_its_own_refused_pages_raise_nothing_more() -> None:
    """Everybody refuses, and the receiver of our alerts has refused nothing but those."""
    world = World(TWO)
    watch = UndeliveredWatch(world.alerts, world.now_ms)
    world.do_receiver({"on-call": "refuses", "chief": "refuses"})
    world.do_alert({"name": "A"})
    await look(world, watch, 60, "1m")
    assert [alert.labels for alert in world.alerts.firing(NAME)] == [{"receiver": "on-call"}]
    assert len([i for i in world.incidents() if i.title.startswith(NAME)]) == 1


async def test_a_busy_receiver_that_refuses_one_page_is_told_all_the_same() -> None:
    world = World(TWO)
    watch = UndeliveredWatch(world.alerts, world.now_ms)
    watch.take([receipt("on-call"), receipt("on-call", "delivered")])
    await watch.run()
    assert world.pages_of_others() == [f"trigger chief: {NAME} on tocsin"]
    world.driver.now_ms += HOLDS_MS
    await watch.run()
    assert world.alerts.firing(NAME) == []


async def test_it_ends_for_a_receiver_that_delivers_nothing_more() -> None:
    world = World()
    watch = UndeliveredWatch(world.alerts, world.now_ms)
    watch.take([receipt("gone")])
    await watch.run()
    world.driver.now_ms += FORGOTTEN_MS
    await watch.run()
    assert world.alerts.firing(NAME) == []
    assert not watch.concerns(receipt("gone", "delivered"))


async def test_only_pages_that_nobody_got_count_and_so_many_receivers() -> None:
    world = World()
    watch = UndeliveredWatch(world.alerts, world.now_ms)
    watch.take([receipt("a", "dropped"), receipt("a", "delivered"), receipt("a", action="resolve")])
    await watch.run()
    assert world.alerts.firing(NAME) == []
    watch.take([receipt(f"r{n}") for n in range(RECEIVERS_MAX + 5)])
    await watch.run()
    assert len(world.alerts.firing(NAME)) == RECEIVERS_MAX
