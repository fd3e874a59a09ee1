"""Plan and apply against a real broker: everything once, again nothing, refused what must be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.codec import encode
from pipeline.domain.incident import Incident
from pipeline.simulate.kafka import Node
from pipeline.topology.apply import ClusterError, Control, apply, prospect, read_control
from pipeline.topology.apply.act import act
from pipeline.topology.apply.connection import connected
from pipeline.topology.apply.control import TEXTS_MAX, publishing
from pipeline.topology.apply.incidents import count_open
from pipeline.topology.apply.look import look
from pipeline.topology.desired import State, desired
from pipeline.topology.plan import Action, refusals
from pipeline.topology.risk import Risk
from tests.kafka import require_kafka
from tests.topology.apply.cluster import emptied, topics_of, write
from tests.topology.worlds import loaded

HEAD = "app: shop\nroutes: {receiver: none}\n"
SMALL = HEAD + "defaults: {partitions: 2, replication: 1}\n"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    require_kafka()
    with Node(tmp_path_factory.mktemp("apply")) as started:
        yield started


@pytest.fixture
async def options(node: Node) -> dict[str, Any]:
    await emptied(node.bootstrap)
    return {"bootstrap_servers": node.bootstrap}


async def applied(options: dict[str, Any], text: str, *allowed: Risk) -> Control:
    topology = loaded(text)
    planned = (await prospect(options, topology)).actions
    return await apply(options, topology, text, planned, allowed=allowed)


async def kinds(options: dict[str, Any], text: str) -> list[tuple[str, str]]:
    found = await prospect(options, loaded(text))
    return [(each.kind, each.topic) for each in found.actions]


async def test_everything_is_made_once_and_then_nothing_is_to_do(options: dict[str, Any]) -> None:
    control = await applied(options, SMALL)
    wanted = desired(loaded(SMALL))
    found = await topics_of(options["bootstrap_servers"])
    assert found == {name: topic.partitions for name, topic in wanted.topics.items()}
    assert len(control.installation) == 8
    assert control.applied == loaded(SMALL).hash
    assert control.text == SMALL
    assert await read_control(options, "shop") == control
    assert not (await prospect(options, loaded(SMALL))).is_needed


async def test_where_nothing_was_applied_control_is_empty(options: dict[str, Any]) -> None:
    assert await read_control(options, "shop") == Control()
    assert await topics_of(options["bootstrap_servers"]) == {}


async def test_changes_reach_the_cluster_and_the_installation_stays(
    options: dict[str, Any],
) -> None:
    before = await applied(options, SMALL)
    text = SMALL + "topics: {audit: {partitions: 4, size_max: 2MB}, noise: {}}\n"
    assert await kinds(options, text) == [
        ("create", "noise"),
        ("settings", "audit"),
        ("partitions", "audit"),
        ("publish", ""),
    ]
    after = await applied(options, text, Risk.REKEYS)
    assert await kinds(options, text) == []
    assert after.installation == before.installation
    assert after.texts == {before.applied: SMALL, after.applied: text}
    assert (await topics_of(options["bootstrap_servers"]))["audit"] == 4


async def test_a_setting_somebody_else_made_is_kept(options: dict[str, Any]) -> None:
    await applied(options, SMALL)
    topic = replace(desired(loaded(SMALL)).topics["audit"], settings={"segment.ms": "3600000"})
    theirs = State(topics={"audit": topic})
    async with connected(options) as connection:
        await act(connection, theirs, [Action(kind="settings", topic="audit")])
    await applied(options, SMALL + "topics: {audit: {retention: 91d}}\n")
    async with connected(options) as connection:
        found = await look(connection, options, loaded(SMALL), theirs)
    assert found.state.topics["audit"].settings == topic.settings


async def test_what_is_no_longer_declared_stays_until_it_is_destroyed(
    options: dict[str, Any],
) -> None:
    await applied(options, SMALL + "topics: {noise: {}}\n")
    await applied(options, SMALL)
    found = await prospect(options, loaded(SMALL))
    assert [(each.kind, each.topic) for each in found.actions] == [("destroy", "noise")]
    assert not found.is_needed
    await applied(options, SMALL, Risk.DESTROYS)
    assert "noise" not in await topics_of(options["bootstrap_servers"])
    assert await kinds(options, SMALL) == []


def incident(number: int, status: str) -> bytes:
    return encode(
        Incident(
            incident_id=f"s.{number}",
            scope_id="s",
            tenant="default",
            status=status,
            title="t",
            severity="error",
            group_key="g",
            rule="r",
        )
    )


async def test_nothing_is_re_keyed_while_incidents_are_open(options: dict[str, Any]) -> None:
    await applied(options, SMALL)
    opened = {f"s.{n}": incident(n, "triggered") for n in range(5)}
    await write(options["bootstrap_servers"], "incidents", opened)
    resolved = {
        "s.0": incident(0, "resolved"),
        "s.1": None,
        "s.2": incident(2, "acknowledged"),
    }
    await write(options["bootstrap_servers"], "incidents", resolved)
    found = await prospect(options, loaded(SMALL + "scope: [team]\n"))
    assert [each.risk for each in found.actions] == [Risk.REKEYS]
    assert found.open_incidents == 3
    assert "3 incidents are open" in refusals(found.actions, [Risk.REKEYS], 3)[0]
    assert (await prospect(options, loaded(SMALL))).open_incidents == 0


async def test_an_incident_that_cannot_be_read_counts_as_open(options: dict[str, Any]) -> None:
    await applied(options, SMALL)
    await write(options["bootstrap_servers"], "incidents", {"s.9": b"\x00garbage"})
    async with connected(options) as connection:
        assert await count_open(connection, options) == 1


async def test_an_apply_that_was_interrupted_goes_on(options: dict[str, Any]) -> None:
    wanted = desired(loaded(SMALL))
    actions = (await prospect(options, loaded(SMALL))).actions
    async with connected(options) as connection:
        await act(connection, wanted, actions[:5])
        await act(connection, wanted, actions[:7])  # what is there already is no fault
    assert [kind for kind, _ in await kinds(options, SMALL)].count("create") == 13
    control = await applied(options, SMALL)
    assert control.applied
    assert await kinds(options, SMALL) == []


async def test_what_was_done_since_the_plan_is_left_out(options: dict[str, Any]) -> None:
    topology = loaded(SMALL)
    planned = (await prospect(options, topology)).actions
    control = await applied(options, SMALL)
    assert await apply(options, topology, SMALL, planned) == control


async def test_a_plan_that_is_out_of_date_is_not_done(options: dict[str, Any]) -> None:
    await applied(options, SMALL)
    text = SMALL + "topics: {noise: {}}\n"
    planned = (await prospect(options, loaded(text))).actions
    await applied(options, SMALL + "topics: {audit: {retention: 91d}}\n")
    with pytest.raises(ClusterError, match="plan again"):
        await apply(options, loaded(text), text, planned)
    assert "noise" not in await topics_of(options["bootstrap_servers"])


async def test_of_two_at_once_one_publishes(options: dict[str, Any]) -> None:
    await applied(options, SMALL)
    before = await read_control(options, "shop")
    async with publishing(options, "shop") as first:
        async with publishing(options, "shop") as second:
            await second.publish(before, "2" * 32, "second", before.owned)
        with pytest.raises(ClusterError, match="somebody else applies"):
            await first.publish(before, "1" * 32, "first", before.owned)
    assert (await read_control(options, "shop")).applied == "2" * 32


async def test_texts_are_bounded_and_the_oldest_go(options: dict[str, Any]) -> None:
    before = await applied(options, SMALL)
    many = {f"{n:032}": "old" for n in range(TEXTS_MAX)}
    async with publishing(options, "shop") as publisher:
        await publisher.publish(replace(before, texts=many), "new", "text", before.owned)
    found = await read_control(options, "shop")
    assert found.text == "text"
    assert f"{0:032}" not in found.texts


async def test_more_replicas_than_brokers_say_what_to_do(options: dict[str, Any]) -> None:
    with pytest.raises(ClusterError, match=r"has 1 broker: .*--replication 1`"):
        await prospect(options, loaded(HEAD))
    found = await prospect(options, loaded(HEAD), replication=1)
    assert {each.kind for each in found.actions} == {"create", "publish"}


async def test_an_external_topic_must_be_there_and_is_left_alone(options: dict[str, Any]) -> None:
    text = SMALL + "topics: {raw-alerts: {external: true, retention: 1d}}\n"
    found = await prospect(options, loaded(text))
    assert "have its owner create it" in refusals(found.actions, tuple(Risk), 0)[0]
    async with connected(options) as connection:
        plain = desired(loaded(SMALL))
        actions = [each for each in found.actions if each.kind == "create"][:1]
        await act(connection, plain, [replace(actions[0], topic="raw-alerts")])
    await applied(options, text)
    assert await kinds(options, text) == []
    assert "raw-alerts" not in (await read_control(options, "shop")).owned


async def test_nobody_at_the_address_is_said_in_time() -> None:
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1:1: "):
        await asyncio.wait_for(
            prospect({"bootstrap_servers": "127.0.0.1:1"}, loaded(SMALL)), timeout=20
        )
