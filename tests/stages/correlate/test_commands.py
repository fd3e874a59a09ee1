"""Commands are answered once, applied or refused with a reason; receipts are handed on."""

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.audit import AuditRecord
from pipeline.domain.command import TEXT_SIZE_MAX
from pipeline.domain.notification import Receipt
from pipeline.domain.stage import Update
from tests.chain import START_MS, Chain
from tests.stages.correlate.alerts import SCOPE, Bench, firing, resolved

MINUTE = 60_000


def with_one() -> Bench:
    bench = Bench()
    bench.send(firing("A"))
    return bench


@pytest.mark.parametrize(
    ("kind", "fields", "field", "value"),
    [
        ("acknowledge", {}, "status", "acknowledged"),
        ("acknowledge", {}, "acknowledged_by", "ann"),
        ("resolve", {}, "status", "resolved"),
        ("resolve", {}, "resolved_by", "ann"),
        ("snooze", {"until_ms": START_MS + MINUTE}, "snoozed_until_ms", START_MS + MINUTE),
        ("reassign", {"assignee": "bob"}, "assigned_to", "bob"),
        ("override", {"severity": "info"}, "severity", "info"),
    ],
)
def test_a_command_is_applied(kind: str, fields: dict[str, Any], field: str, value: object) -> None:
    bench = with_one()
    record = bench.command(kind, **fields)
    assert (record.result, record.incident_id, record.command_id) == ("applied", f"{SCOPE}.1", "c1")
    assert getattr(bench.incident(), field) == value
    assert bench.reasons_of()[-1] == "applied"


def test_not_useful_changes_nothing_but_is_passed_on_also_when_it_is_over() -> None:
    bench = with_one()
    before = bench.incident()
    assert bench.command("not-useful").result == "applied"
    after = bench.incident()
    assert (after.status, after.severity, after.firing_count) == (
        before.status,
        before.severity,
        before.firing_count,
    )
    bench.command("resolve", command_id="c2")
    assert bench.command("not-useful", command_id="c3").result == "applied"
    assert bench.incident().status == "resolved"


@pytest.mark.parametrize(
    ("kind", "incident", "fields", "why"),
    [
        ("acknowledge", 7, {}, "there is no incident"),
        ("acknowledge", "nonsense", {}, "there is no incident"),
        ("acknowledge", "", {}, "there is no incident"),
        ("acknowledge", 1, {"tenant": "other"}, "there is no incident"),
        ("acknowledge", 1, {"scope_id": "0" * 16}, "there is no incident"),
        ("snooze", 1, {"until_ms": START_MS}, "in the past"),
        ("snooze", 1, {"until_ms": START_MS + 31 * 86_400_000}, "30 days"),
        ("reassign", 1, {}, "no assignee"),
        ("note", 1, {"text": "  "}, "empty"),
        ("note", 1, {"text": "x" * (TEXT_SIZE_MAX + 1)}, "characters"),
        ("override", 1, {"severity": "awful"}, "is no severity"),
        ("merge", 1, {}, "there is no incident"),
        ("merge", 1, {"into": f"{SCOPE}.9"}, "there is no incident"),
        ("merge", 1, {"into": "elsewhere.1"}, "there is no incident"),
        ("paint", 1, {}, "is no command"),
    ],
)
def test_a_command_is_refused_with_a_reason(
    kind: str, incident: str | int, fields: dict[str, Any], why: str
) -> None:
    bench = with_one()
    before = bench.incidents()
    record = bench.command(kind, incident, **fields)
    assert record.result == "refused"
    assert why in record.text
    assert bench.incidents() == before


@pytest.mark.parametrize("kind", ["acknowledge", "snooze", "reassign", "override"])
def test_what_is_resolved_takes_notes_and_no_more(kind: str) -> None:
    bench = with_one()
    bench.command("resolve")
    fields: dict[str, Any] = {"until_ms": START_MS + MINUTE, "assignee": "bob", "severity": "info"}
    record = bench.command(kind, **fields)
    assert record.result == "refused"
    assert "resolved" in record.text
    assert bench.command("note", text="It was DNS.").result == "applied"
    assert [note.text for note in bench.incident().notes] == ["It was DNS."]


def test_a_note_reaches_an_incident_whose_counts_are_forgotten() -> None:
    bench = with_one()
    bench.command("resolve")
    bench.advance("10d")
    assert bench.counts() == {}
    assert bench.command("note", text="It was DNS.").result == "applied"
    assert len(bench.incident().notes) == 1


@pytest.mark.parametrize("kind", ["acknowledge", "resolve"])
def test_asking_again_for_what_is_so_changes_nothing(kind: str) -> None:
    bench = with_one()
    bench.command(kind)
    before = bench.incidents()
    assert bench.command(kind, author="bob").result == "applied"
    assert bench.incidents() == before


@pytest.mark.parametrize(("text", "result"), [("It was DNS.", "applied"), ("", "refused")])
def test_a_repeated_command_gets_the_same_answer_and_changes_nothing(
    text: str, result: str
) -> None:
    bench = with_one()
    assert bench.command("note", text=text, command_id="same").result == result
    before = bench.incidents()
    record = bench.command("note", text=text, command_id="same")
    assert (record.result, record.reason) == (result, "correlate.repeated_command")
    assert bench.incidents() == before


def test_alerts_that_still_fire_do_not_open_what_a_person_resolved() -> None:
    bench = with_one()
    bench.command("resolve")
    for _ in range(100):
        bench.advance("2m")
        bench.send(firing("A"))
    assert bench.open() == []
    assert bench.reason_count("still_closed") > 0


def test_but_they_do_when_they_fire_anew() -> None:
    bench = with_one()
    bench.command("resolve")
    bench.send(firing("A", starts_at_ms=START_MS + 1))
    assert bench.incident().is_open
    assert (bench.incident().reopened_count, bench.incident().firing_count) == (1, 1)


def test_or_after_they_resolved() -> None:
    bench = with_one()
    bench.command("resolve")
    bench.send(resolved(firing("A"), START_MS + 1))
    assert bench.incident().firing_count == 0
    bench.send(firing("A", starts_at_ms=START_MS + 2))
    assert bench.incident().is_open
    assert bench.incident().firing_count == 1


def test_or_when_severity_rises() -> None:
    bench = with_one()
    bench.command("resolve")
    bench.send(firing("A", severity="warning"))
    assert not bench.incident().is_open
    bench.send(firing("A", severity="critical"))
    assert bench.incident().is_open
    assert (bench.incident().severity, bench.incident().firing_count) == ("critical", 1)


def test_or_when_they_still_fire_long_after() -> None:
    bench = Bench(refire="4h")
    bench.send(firing("A"))
    bench.command("resolve")
    bench.advance("239m")
    bench.send(firing("A"))
    assert bench.open() == []
    bench.advance("2m")
    bench.send(firing("A"))
    (incident,) = bench.open()
    assert incident.incident_id == f"{SCOPE}.2"
    assert bench.reason_count("fired_again") == 1
    assert bench.incident(1).firing_count == 1
    assert sum(sum(row.firing) for row in bench.counts().values()) == 1


def test_never_when_that_is_off() -> None:
    bench = Bench(refire="off")
    bench.send(firing("A"))
    bench.command("resolve")
    for _ in range(60):
        bench.advance("12h")
        bench.send(firing("A"))
    assert bench.open() == []


def test_a_resolved_alert_repeated_long_after_fires_nothing() -> None:
    bench = with_one()
    bench.send(resolved(firing("A"), START_MS))
    bench.advance("5h")
    bench.send(resolved(firing("A"), START_MS))
    assert bench.open() == []
    assert len(bench.incidents()) == 1


def test_a_snooze_ends_by_itself_and_triggers_again() -> None:
    bench = with_one()
    bench.command("acknowledge")
    bench.command("snooze", until_ms=START_MS + 10 * MINUTE)
    assert bench.incident().status == "acknowledged"
    bench.advance("9m")
    assert bench.incident().snoozed_until_ms
    bench.advance("1m")
    incident = bench.incident()
    assert (incident.status, incident.snoozed_until_ms) == ("triggered", 0)
    assert bench.reasons_of()[-1] == "snooze_over"


def test_a_longer_snooze_replaces_a_shorter_one() -> None:
    bench = with_one()
    bench.command("snooze", until_ms=START_MS + 10 * MINUTE)
    bench.command("snooze", until_ms=START_MS + 30 * MINUTE)
    bench.advance("29m")
    assert bench.incident().snoozed_until_ms
    bench.advance("1m")
    assert not bench.incident().snoozed_until_ms


def test_what_was_snoozed_still_resolves() -> None:
    bench = with_one()
    bench.command("snooze", until_ms=START_MS + 60 * MINUTE)
    bench.send(resolved(firing("A"), START_MS))
    bench.advance("1m")
    assert (bench.incident().status, bench.incident().snoozed_until_ms) == ("resolved", 0)


def test_an_override_holds_until_it_is_taken_back() -> None:
    bench = with_one()
    bench.command("override", severity="info")
    bench.send(firing("A", severity="critical"))
    assert bench.incident().severity == "info"
    bench.command("override", severity="")
    assert bench.incident().severity == "critical"


def test_a_person_chooses_the_direction_of_a_merge() -> None:
    bench = Bench()
    bench.send(firing("A"), firing("B"))
    assert bench.command("merge", 1, into=f"{SCOPE}.2").result == "applied"
    assert bench.incident(1).merged_into == f"{SCOPE}.2"
    assert bench.incident(2).alert_count == 2
    assert bench.command("merge", 1, into=f"{SCOPE}.2").result == "applied"
    assert bench.command("merge", 2, into=f"{SCOPE}.2").result == "applied"
    assert bench.incident(2).alert_count == 2


def test_a_resolved_incident_is_not_merged() -> None:
    bench = Bench()
    bench.send(firing("A"), firing("B"))
    bench.command("resolve", 1)
    record = bench.command("merge", 2, into=f"{SCOPE}.1")
    assert record.result == "refused"
    assert f"{SCOPE}.1 is resolved" in record.text


class Listener:
    """The next stage of the chain: it notes what it was handed."""

    name = "listener"
    accepts = (Update,)
    tables = ()

    def __init__(self) -> None:
        self.heard: list[Update] = []

    def process(self, event: Update, ctx: Any) -> None:
        self.heard.append(event)
        ctx.forward(event)

    def wake(self, key: str, ctx: Any) -> None:
        raise AssertionError(key)


def receipt(incident_id: str) -> Receipt:
    return Receipt(
        notification_id=f"{incident_id}/r/1",
        incident_id=incident_id,
        scope_id=SCOPE,
        tenant="default",
        receiver="r",
        sequence=1,
        action="trigger",
        result="delivered",
    )


def test_a_receipt_is_handed_on_with_its_incident() -> None:
    bench = Bench()
    listener = Listener()
    bench.chain = Chain([bench.stage, listener], lookups={"services": {}})
    bench.send(firing("A"))
    known = bench.incident()
    bench.chain.send("receipts", SCOPE, receipt(known.incident_id))
    assert listener.heard[-1] == Update(incident=known, cause=receipt(known.incident_id))
    bench.chain.send("receipts", SCOPE, receipt(f"{SCOPE}.9"))
    assert len(listener.heard) == 2
    assert bench.reason_count("receipt_unknown") == 1


def test_each_change_says_what_caused_it() -> None:
    bench = Bench()
    listener = Listener()
    bench.chain = Chain([bench.stage, listener], lookups={"services": {}})
    alert = firing("A")
    bench.send(alert, resolved(alert, START_MS))
    bench.command("acknowledge")
    bench.advance("1m")
    kinds = [type(update.cause).__name__ for update in listener.heard]
    assert kinds == ["Alert", "Alert", "Command", "Wake"]


def test_an_id_seen_before_is_dropped_for_a_day() -> None:
    bench = Bench(quiet="off")
    keyed = firing("A", alert_id="k-1")
    bench.send(keyed, resolved(replace(keyed, alert_id="k-2"), START_MS))
    again = replace(keyed, starts_at_ms=START_MS + 1)
    bench.send(again)
    assert not bench.incident().is_open
    assert bench.reason_count("repeated") == 1
    bench.advance("24h")
    bench.send(again)
    assert bench.reason_count("repeated") == 2
    bench.advance("1ms")
    bench.send(again)
    assert bench.reason_count("repeated") == 2
    assert len(bench.open()) == 1


def test_an_answer_is_audited_even_without_an_incident() -> None:
    bench = Bench()
    record = bench.command("acknowledge", 5)
    assert isinstance(record, AuditRecord)
    assert (record.result, record.incident_id) == ("refused", f"{SCOPE}.5")
