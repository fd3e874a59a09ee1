"""Laws over any mixture of events, people's work and passing time."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate.pagerduty.model import PagerDutyModel
from pipeline.simulate.pagerduty.records import ENTRIES_PER_INCIDENT_MAX
from tests.simulate.pagerduty.account import MINUTE_MS, Account, update

events = st.tuples(
    st.sampled_from(["trigger", "acknowledge", "resolve"]), st.sampled_from(["a", "b", "c"])
)
people = st.tuples(
    st.sampled_from(
        ["acknowledged", "resolved", "triggered", "snooze", "merge", "escalate", "assign", "note"]
    ),
    st.integers(0, 5),
)
times = st.tuples(st.just("pass"), st.integers(1, 90))


def work(account: Account, what: str, place: int) -> None:
    ids = account.incident_ids
    if not ids:
        return
    id_, other = ids[place % len(ids)], ids[(place + 1) % len(ids)]
    path = f"/incidents/{id_}"
    ben = {"assignee": {"id": account.user_ids[1], "type": "user_reference"}}
    reference = {"id": other, "type": "incident_reference"}
    if what == "snooze":
        account.ask("POST", f"{path}/snooze", {"duration": 600})
    elif what == "note":
        account.ask("POST", f"{path}/notes", {"note": {"content": "x"}})
    elif what == "merge":
        account.ask("PUT", f"{path}/merge", {"source_incidents": [reference]})
    elif what == "escalate":
        account.ask("PUT", path, update(escalation_level=2))
    elif what == "assign":
        account.ask("PUT", path, update(assignments=[ben]))
    else:
        account.ask("PUT", path, update(status=what))


def check(model: PagerDutyModel) -> None:
    known = model.incidents.by_id
    open_ids = {incident.id for incident in known.values() if incident.is_open}
    for service in model.directory.services.values():
        assert set(service.open_incident_ids) == open_ids
        triggered = sum(incident.status == "triggered" for incident in known.values())
        assert service.triggered == triggered
    for incident in known.values():
        assert bool(incident.assignee_ids) == incident.is_open
        assert (incident.resolved_at_ms is None) == incident.is_open
        assert bool(incident.acknowledged_by) == (incident.status == "acknowledged")
        assert incident.is_open or not any(alert.is_open for alert in incident.alerts)
        assert all(alert.incident_id == incident.id for alert in incident.alerts)
        assert incident.log[0].kind == "trigger"
        assert not (incident.escalate_at_ms and incident.status != "triggered")


@given(st.lists(st.one_of(events, people, times), max_size=30))
def test_law_the_account_is_consistent_after_anything(steps: list[tuple[str, str | int]]) -> None:
    account = Account()
    for what, detail in steps:
        if isinstance(detail, str):
            account.send(what, detail)
        elif what == "pass":
            account.now_ms += detail * MINUTE_MS
            account.desk.model.incidents.run_due(account.now_ms)
        else:
            work(account, what, detail)
        check(account.desk.model)
    tallies = account.desk.book.tallies(0, 10)
    assert sum(tally.calls for tally in tallies) == sum(
        isinstance(detail, str) for _, detail in steps
    )


@given(st.lists(events, max_size=30))
def test_law_a_key_is_open_as_often_as_it_was_opened_more_than_resolved(
    steps: list[tuple[str, str]],
) -> None:
    account = Account()
    for action, key in steps:
        account.send(action, key)
    for tally in account.desk.book.tallies(0, 10):
        opened = tally.triggered + tally.reopened
        assert opened - tally.resolved in (0, 1)
        assert tally.triggered <= 1
        assert tally.acknowledged <= opened


def test_a_reopened_incident_is_forgotten_only_after_it_was_resolved_again() -> None:
    account = Account()
    account.desk.model = PagerDutyModel(resolved_max=1)
    account.send("trigger", "a")
    (first,) = account.incident_ids
    account.send("resolve", "a")
    account.put(f"/incidents/{first}", update(status="triggered"))
    for key in "bcd":
        account.send("trigger", key)
        account.send("resolve", key)
    assert first in account.incident_ids
    account.put(f"/incidents/{first}", update(status="resolved"))
    account.send("trigger", "e")
    account.send("resolve", "e")
    assert first not in account.incident_ids


def test_an_incident_keeps_a_bounded_history() -> None:
    account = Account()
    for _ in range(ENTRIES_PER_INCIDENT_MAX + 10):
        account.send("trigger")
    (incident,) = account.desk.model.incidents.by_id.values()
    assert len(incident.log) == ENTRIES_PER_INCIDENT_MAX
    account.send("resolve")
    shown = account.get(f"/incidents/{incident.id}")["incident"]
    assert shown["last_status_change_by"]["type"] == "integration_reference"
    assert account.desk.model.incidents.entries[-1].kind == "resolve"
