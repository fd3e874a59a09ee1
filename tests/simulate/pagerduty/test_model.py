"""PagerDuty's dedup rules, as a table of sequences and as laws over all sequences."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate.pagerduty.event_rules import Event, check_event
from pipeline.simulate.pagerduty.model import PagerDutyModel
from tests.simulate.pagerduty.events import KEY, OTHER_KEY, event

NOW_MS = 1_800_000_000_000
ACTIONS = {"t": "trigger", "a": "acknowledge", "r": "resolve"}


def call(action: str, dedup_key: str | None = "k1", routing_key: str = KEY) -> Event:
    verdict = check_event(json.dumps(event(action, dedup_key, routing_key=routing_key)).encode())
    assert isinstance(verdict, Event)
    return verdict


@pytest.mark.parametrize(
    ("actions", "effects", "pages"),
    [
        ("t", "triggered", 1),
        ("tt", "triggered appended", 1),
        ("tat", "triggered acknowledged appended", 1),
        ("taa", "triggered acknowledged dropped", 1),
        ("tr", "triggered resolved", 1),
        ("trr", "triggered resolved dropped", 1),
        ("tra", "triggered resolved dropped", 1),
        ("trt", "triggered resolved reopened", 2),
        ("tartt", "triggered acknowledged resolved reopened appended", 2),
        ("a", "dropped", 0),
        ("r", "dropped", 0),
        ("rat", "dropped dropped triggered", 1),
    ],
)
def test_what_a_sequence_on_one_key_comes_to(actions: str, effects: str, pages: int) -> None:
    model = PagerDutyModel()
    done = [model.apply(call(ACTIONS[letter]), NOW_MS).effect for letter in actions]
    assert done == effects.split()
    assert sum(incident.pages for incident in model.incidents.by_id.values()) == pages


def test_a_reopened_alert_is_a_new_incident() -> None:
    model = PagerDutyModel()
    first, _, second = (
        model.apply(call(action), NOW_MS) for action in ("trigger", "resolve", "trigger")
    )
    assert first.incident_id != second.incident_id
    assert [i.status for i in model.incidents.by_id.values()] == ["resolved", "triggered"]


def test_the_routing_key_belongs_to_the_identity() -> None:
    model = PagerDutyModel()
    assert model.apply(call("trigger"), NOW_MS).effect == "triggered"
    assert model.apply(call("resolve", routing_key=OTHER_KEY), NOW_MS).effect == "dropped"
    assert model.apply(call("trigger", routing_key=OTHER_KEY), NOW_MS).effect == "triggered"
    assert len(model.directory.services) == 2


def test_dedup_keys_differ_by_case() -> None:
    model = PagerDutyModel()
    assert model.apply(call("trigger", "Key"), NOW_MS).effect == "triggered"
    assert model.apply(call("trigger", "key"), NOW_MS).effect == "triggered"


def test_a_trigger_without_a_key_gets_one_that_works() -> None:
    model = PagerDutyModel()
    first, second = (model.apply(call("trigger", None), NOW_MS) for _ in range(2))
    assert first.dedup_key != second.dedup_key
    assert model.apply(call("resolve", first.dedup_key), NOW_MS).effect == "resolved"


def test_a_disabled_service_makes_no_incident() -> None:
    model = PagerDutyModel()
    model.apply(call("trigger", "before"), NOW_MS)
    next(iter(model.directory.services.values())).is_disabled = True
    assert model.apply(call("trigger", "after"), NOW_MS).effect == "dropped"
    assert model.apply(call("resolve", "before"), NOW_MS).effect == "resolved"


def test_at_its_limit_the_model_refuses_new_keys_and_still_knows_the_old_ones() -> None:
    model = PagerDutyModel(keys_max=2)
    for key in ("a", "b"):
        assert model.apply(call("trigger", key), NOW_MS).effect == "triggered"
    full = model.apply(call("trigger", "c"), NOW_MS)
    assert (full.effect, full.is_full) == ("refused", True)
    assert model.apply(call("trigger", "a"), NOW_MS).effect == "appended"
    assert model.apply(call("resolve", "b"), NOW_MS).effect == "resolved"
    assert model.apply(call("resolve", "c"), NOW_MS).effect == "dropped"


def test_forgotten_incidents_take_their_bodies_along_but_not_their_keys() -> None:
    model = PagerDutyModel(resolved_max=3, body_bytes_max=500)
    for number in range(20):
        model.apply(call("trigger", f"k{number}"), NOW_MS)
        model.apply(call("resolve", f"k{number}"), NOW_MS)
    assert len(model.incidents.by_id) == 3
    assert model.incidents.forgotten == 17
    assert all(i.alerts[0].payload for i in model.incidents.by_id.values())
    assert model.apply(call("trigger", "k0"), NOW_MS).effect == "reopened"


def test_the_same_calls_give_the_same_ids() -> None:
    def run() -> list[str]:
        model = PagerDutyModel()
        for letter in "tartrt":
            model.apply(call(ACTIONS[letter]), NOW_MS)
        return list(model.incidents.by_id)

    assert run() == run()


steps = st.lists(
    st.tuples(st.sampled_from("tar"), st.sampled_from(["x", "y"]), st.integers(0, 10_000_000))
)


@given(steps)
def test_law_triggers_minus_resolves_is_whether_it_is_open(
    sequence: list[tuple[str, str, int]],
) -> None:
    model = PagerDutyModel()
    open_now = {"x": 0, "y": 0}
    now_ms = NOW_MS
    for letter, key, later_ms in sequence:
        now_ms += later_ms
        effect = model.apply(call(ACTIONS[letter], key), now_ms).effect
        open_now[key] += effect in ("triggered", "reopened")
        open_now[key] -= effect == "resolved"
        assert open_now[key] in (0, 1)
        assert (model.alert_state(KEY, key) == "open") == bool(open_now[key])
    open_incidents = [i for i in model.incidents.by_id.values() if i.is_open]
    assert len(open_incidents) == sum(open_now.values())
    services = model.directory.services.values()
    assert {i.id for i in open_incidents} == {id_ for s in services for id_ in s.open_incident_ids}


@given(steps)
def test_law_sending_each_call_twice_in_a_row_changes_no_state(
    sequence: list[tuple[str, str, int]],
) -> None:
    once, twice = PagerDutyModel(), PagerDutyModel()
    for letter, key, _ in sequence:
        effect = once.apply(call(ACTIONS[letter], key), NOW_MS).effect
        assert twice.apply(call(ACTIONS[letter], key), NOW_MS).effect == effect
        repeated = twice.apply(call(ACTIONS[letter], key), NOW_MS).effect
        assert repeated in ("appended", "dropped")
    states = [[i.status for i in model.incidents.by_id.values()] for model in (once, twice)]
    assert states[0] == states[1]
