"""The plan between two states: every kind of action, its risk, its flag, and two laws."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.topology.desired import State, Topic, desired
from pipeline.topology.plan import Action, done, plan, refusals
from pipeline.topology.risk import FLAGS, Risk, worst
from tests.topology.worlds import loaded

WANTED = desired(loaded("app: shop\ndefaults: {partitions: 6}\nroutes: {receiver: none}\n"))
EMPTY = State(topics={})


def changed(state: State, topic: str, **fields: object) -> State:
    """The state with one topic changed."""
    return replace(state, topics={**state.topics, topic: replace(state.topics[topic], **fields)})


def with_setting(state: State, topic: str, name: str, value: str) -> State:
    settings = {**state.topics[topic].settings, name: value}
    return changed(state, topic, settings=settings)


def only(actions: tuple[Action, ...]) -> Action:
    assert len(actions) == 1, actions
    return actions[0]


def test_an_empty_cluster_gets_everything_and_then_the_topology() -> None:
    actions = plan(WANTED, EMPTY)
    assert [each.kind for each in actions] == ["create"] * len(WANTED.topics) + ["publish"]
    assert {each.risk for each in actions} == {Risk.SAFE}
    assert not refusals(actions, (), open_incidents=3)
    made = {change.name: change.after for change in actions[0].changes}
    assert made["partitions"] == "6"
    assert made["cleanup.policy"] == "delete"


DAY = 86_400_000
SETTINGS = [
    ("raw-alerts", "retention.ms", str(60 * DAY), Risk.LOSES),
    ("raw-alerts", "retention.ms", "-1", Risk.LOSES),
    ("raw-alerts", "retention.ms", str(DAY), Risk.SAFE),
    ("raw-alerts", "retention.ms", "", Risk.LOSES),
    ("incidents", "delete.retention.ms", str(60 * DAY), Risk.LOSES),
    ("incidents", "delete.retention.ms", str(DAY), Risk.SAFE),
    ("raw-alerts", "cleanup.policy", "compact", Risk.LOSES),
    ("incidents", "cleanup.policy", "delete", Risk.LOSES),
    ("alerts", "max.message.bytes", "9000000", Risk.SAFE),
    ("alerts", "min.insync.replicas", "1", Risk.SAFE),
]


@pytest.mark.parametrize(("topic", "name", "before", "risk"), SETTINGS)
def test_a_setting_that_differs_is_changed(topic: str, name: str, before: str, risk: Risk) -> None:
    action = only(plan(WANTED, with_setting(WANTED, topic, name, before)))
    assert (action.kind, action.topic, action.risk) == ("settings", topic, risk)
    change = action.changes[0]
    assert (change.name, change.before) == (name, before)
    assert change.after == WANTED.topics[topic].settings[name]
    assert bool(change.reason) == (risk is not Risk.SAFE)


def test_settings_that_are_not_ours_are_left_alone() -> None:
    assert plan(WANTED, with_setting(WANTED, "alerts", "segment.ms", "1")) == ()


@pytest.mark.parametrize(("is_keyed", "risk"), [(True, Risk.REKEYS), (False, Risk.SAFE)])
def test_more_partitions_re_key_what_has_a_key(is_keyed: bool, risk: Risk) -> None:
    wanted = changed(WANTED, "alerts", is_keyed=is_keyed)
    action = only(plan(wanted, changed(wanted, "alerts", partitions=3)))
    assert (action.kind, action.risk) == ("partitions", risk)


def test_fewer_partitions_are_refused_whatever_the_flags() -> None:
    actions = plan(WANTED, changed(WANTED, "alerts", partitions=12))
    assert only(actions).kind == "by hand"
    assert "declare `partitions: 12`" in refusals(actions, tuple(Risk), 0)[0]


@pytest.mark.parametrize("before", [1, 5])
def test_another_number_of_replicas_is_safe(before: int) -> None:
    action = only(plan(WANTED, changed(WANTED, "alerts", replication=before)))
    assert (action.kind, action.risk) == ("replication", Risk.SAFE)


def external(partitions: int) -> Topic:
    return Topic(partitions=partitions, replication=3, settings={}, is_external=True)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (None, "is not there"),
        (external(5), "declare `partitions: 5`"),
        (replace(external(6), replication=1, settings={"retention.ms": "1"}), ""),
    ],
)
def test_an_external_topic_is_only_looked_at(there: Topic | None, said: str) -> None:
    wanted = replace(WANTED, topics={**WANTED.topics, "mirror": external(6)})
    topics = WANTED.topics if there is None else {**WANTED.topics, "mirror": there}
    actions = plan(wanted, replace(WANTED, topics=topics))
    if not said:
        assert actions == ()
    else:
        assert only(actions).kind == "by hand"
        assert said in only(actions).reason


OLD = Topic(partitions=1, replication=1, settings={})


def test_what_is_no_longer_declared_stays_without_its_flag() -> None:
    actual = replace(
        WANTED, topics={**WANTED.topics, "old": OLD}, owned=WANTED.owned | {"old", "gone"}
    )
    actions = plan(WANTED, actual)
    assert (only(actions).kind, only(actions).topic) == ("destroy", "old")
    assert not refusals(actions, (), open_incidents=9)
    assert done(actions, ()) == ()
    assert done(actions, [Risk.DESTROYS]) == actions


def test_topics_of_others_do_not_occur() -> None:
    assert plan(WANTED, replace(WANTED, topics={**WANTED.topics, "theirs": OLD})) == ()


def test_another_topology_restarts_the_workers() -> None:
    action = only(plan(WANTED, replace(WANTED, applied="0" * 32)))
    assert (action.kind, action.risk) == ("publish", Risk.RESTART)
    assert not refusals((action,), (), open_incidents=2)


def test_a_topic_that_was_not_recorded_is() -> None:
    action = only(plan(WANTED, replace(WANTED, owned=WANTED.owned - {"alerts"})))
    assert (action.kind, action.risk, action.changes) == ("publish", Risk.SAFE, ())


def test_another_scope_is_a_re_key() -> None:
    action = only(plan(WANTED, replace(WANTED, applied="0" * 32, scope=("team",))))
    assert (action.kind, action.risk) == ("publish", Risk.REKEYS)
    assert [change.name for change in action.changes] == ["topology", "scope"]


REKEY = Action(kind="partitions", topic="a", risk=Risk.REKEYS)
LOSE = Action(kind="settings", topic="b", risk=Risk.LOSES)


@pytest.mark.parametrize(
    ("actions", "allowed", "open_incidents", "said"),
    [
        ((REKEY,), (), 0, ["what re-keys needs --re-key"]),
        ((REKEY,), (Risk.REKEYS,), 0, []),
        ((REKEY,), (Risk.REKEYS,), 1, ["1 incident is open"]),
        ((REKEY,), (Risk.REKEYS,), 1_200, ["1,200 incidents are open"]),
        ((LOSE,), (Risk.REKEYS,), 5, ["what loses history needs --lose-history"]),
        ((LOSE,), (Risk.LOSES,), 5, []),
        ((REKEY, LOSE), (), 2, ["--re-key", "--lose-history", "2 incidents"]),
    ],
)
def test_what_is_unsafe_needs_its_flag(
    actions: tuple[Action, ...], allowed: tuple[Risk, ...], open_incidents: int, said: list[str]
) -> None:
    found = refusals(actions, allowed, open_incidents)
    assert len(found) == len(said)
    assert all(word in text for word, text in zip(said, found, strict=True))


def test_risks_rise() -> None:
    assert worst([]) is Risk.SAFE
    assert worst([Risk.LOSES, Risk.RESTART, Risk.REKEYS]) is Risk.LOSES
    assert set(FLAGS) == {Risk.REKEYS, Risk.LOSES, Risk.DESTROYS}


NAMES = st.sampled_from(["a", "b", "c", "d"])
SETTING: Mapping[str, st.SearchStrategy[str]] = {
    "cleanup.policy": st.sampled_from(["delete", "compact"]),
    "retention.ms": st.sampled_from(["-1", "1", "1000", "86400000"]),
    "max.message.bytes": st.sampled_from(["1", "2"]),
}
TOPICS = st.builds(
    Topic,
    partitions=st.integers(1, 4),
    replication=st.integers(1, 3),
    settings=st.fixed_dictionaries({**SETTING}),
    is_keyed=st.booleans(),
    is_external=st.booleans(),
)


@st.composite
def states(draw: st.DrawFn) -> State:
    topics = draw(st.dictionaries(NAMES, TOPICS))
    ours = [name for name, topic in topics.items() if not topic.is_external]
    return State(
        topics=topics,
        owned=frozenset(draw(st.lists(st.sampled_from(ours)))) if ours else frozenset(),
        applied=draw(st.sampled_from(["", "x", "y"])),
        scope=draw(st.sampled_from([("a",), ("b",)])),
    )


@given(states())
def test_of_two_equal_states_the_plan_is_empty(state: State) -> None:
    assert plan(state, state) == ()


def after(wanted: State, actual: State, actions: tuple[Action, ...]) -> State:
    """What a cluster is once the actions are done, as a cluster would do them."""
    topics = dict(actual.topics)
    state = actual
    for action in actions:
        name = action.topic
        if action.kind == "create":
            values = {change.name: change.after for change in action.changes}
            topics[name] = Topic(
                partitions=int(values.pop("partitions")),
                replication=int(values.pop("replication")),
                settings=values,
            )
        elif action.kind == "destroy":
            del topics[name]
        elif action.kind == "settings":
            values = {change.name: change.after for change in action.changes}
            before = topics[name]
            topics[name] = replace(before, settings={**before.settings, **values})
        elif action.kind in ("partitions", "replication"):
            count = int(action.changes[0].after)
            topics[name] = replace(topics[name], **{action.kind: count})
        elif action.kind == "publish":
            owned = (state.owned | wanted.owned) & topics.keys()
            state = replace(state, applied=wanted.applied, scope=wanted.scope, owned=owned)
    return replace(state, topics=topics, owned=state.owned & topics.keys())


@given(states(), states())
def test_what_is_done_need_not_be_planned_again(wanted: State, actual: State) -> None:
    wanted = replace(
        wanted,
        applied=wanted.applied or "z",
        owned=frozenset(n for n, topic in wanted.topics.items() if not topic.is_external),
    )
    actions = plan(wanted, actual)
    left = plan(wanted, after(wanted, actual, actions))
    assert {each.kind for each in left} <= {"by hand"}
    assert set(left) <= set(actions)
