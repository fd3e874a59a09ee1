"""A Task: overlays, poison, limits, write-combining, digests."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.errors import EpochRefused, StoreError
from pipeline.domain.stage import INCIDENTS, TableSpec
from pipeline.engine import MemoryStore, Task
from pipeline.engine.task import RAISED_MAX, RAISED_WINDOW
from tests.chain import Chain
from tests.engine.toys import COUNTS, Count, Counter, alert


def batch(chain: Chain, *names: str) -> list[object]:
    return [chain.record("alerts", name, alert(name)) for name in names]


def test_a_thousand_updates_of_one_key_are_one_write() -> None:
    chain = Chain([Counter()])
    effects = chain.run([chain.record("alerts", "a", alert("a")) for _ in range(1000)])
    assert [key for key in effects.changes if key[0] == "counts"] == [("counts", "a")]
    assert chain.table(COUNTS) == {"a": Count(1000)}


def test_nothing_is_written_before_the_host_commits() -> None:
    chain = Chain([Counter()])
    chain.task.run([chain.record("alerts", "a", alert("a"))], chain.now_ms)
    assert chain.store.get("counts", "a") is None
    chain.task.rollback()
    assert chain.table(COUNTS) == {}


def test_an_uncommitted_epoch_run_again_gives_the_same_digest() -> None:
    chain = Chain([Counter()])
    records = [chain.record("alerts", n, alert(n)) for n in ("a", "b", "a")]
    first = chain.task.run(records, chain.now_ms).journal.digest
    chain.task.rollback()
    assert chain.run(records).journal.digest == first


def test_a_raising_event_is_dead_lettered_and_its_neighbours_stay_whole() -> None:
    chain = Chain([Counter()])
    records = [chain.record("alerts", n, alert(n)) for n in ("a", "boom", "a", "b")]
    effects = chain.run(records)
    assert effects.raised == 1
    assert chain.table(COUNTS) == {"a": Count(2), "b": Count(1)}
    assert [a.name for a in chain.outputs("alerts")] == ["a", "a", "b"]
    (letter,) = chain.outputs("dead-letters")
    assert (letter.topic, letter.offset, letter.reason) == ("alerts", 1, "raised")
    assert "this event is poison" in letter.detail
    assert letter.value == records[1].value
    assert chain.reasons == {"toy.seen": 3, "dead-letter.raised": 1}


def test_bytes_that_do_not_decode_are_the_fault_of_their_event() -> None:
    chain = Chain([Counter()])
    bad = chain.record("alerts", "x", b"not avro")
    chain.run([chain.record("alerts", "a", alert("a")), bad])
    assert [letter.value for letter in chain.outputs("dead-letters")] == [b"not avro"]
    assert chain.table(COUNTS) == {"a": Count(1)}


def test_a_rejected_event_keeps_its_effects_and_names_the_field() -> None:
    chain = Chain([Counter()])
    chain.send("alerts", "bad", alert("bad"))
    (letter,) = chain.outputs("dead-letters")
    assert (letter.reason, letter.detail) == ("bad", "name: as asked")
    assert chain.table(COUNTS) == {"bad": Count(1)}


def test_more_than_twenty_raising_events_stop_the_task_uncommitted() -> None:
    chain = Chain([Counter()])
    records = [chain.record("alerts", "boom", alert("boom")) for _ in range(RAISED_MAX + 1)]
    with pytest.raises(EpochRefused, match="this event is poison"):
        chain.run(records)
    assert chain.table(COUNTS) == {}
    assert chain.run(records[:RAISED_MAX]).raised == RAISED_MAX


def test_small_epochs_cannot_drain_a_topic_into_dead_letters() -> None:
    chain = Chain([Counter()])
    for _ in range(RAISED_MAX):
        chain.send("alerts", "boom", alert("boom"))
    with pytest.raises(EpochRefused):
        chain.send("alerts", "boom", alert("boom"))
    chain.task.rollback()
    for _ in range(RAISED_WINDOW):
        chain.send("alerts", "a", alert("a"))
    assert chain.send("alerts", "boom", alert("boom")).raised == 1
    assert len(chain.outputs("dead-letters")) == RAISED_MAX + 1


class Broken(Counter):
    """A stage under which the store breaks."""

    def process(self, event: object, ctx: object) -> None:
        raise StoreError("the disk is gone")


def test_a_fault_of_the_store_is_never_taken_for_poison() -> None:
    chain = Chain([Broken()])
    with pytest.raises(StoreError):
        chain.send("alerts", "a", alert("a"))
    assert chain.outputs("dead-letters") == []


def test_an_incident_is_emitted_once_per_epoch_with_its_reasons() -> None:
    chain = Chain([Counter()])
    chain.run([chain.record("alerts", "incident", alert("incident")) for _ in range(100)])
    (snapshot,) = chain.outputs("incidents")
    assert snapshot.event_count == 100
    assert len(snapshot.reasons) == 50
    assert snapshot.reasons[-1].text == "counted incident"
    assert chain.table(INCIDENTS)["incident"] == snapshot
    audits = chain.outputs("audit")
    assert len(audits) == 100
    assert (audits[0].incident_id, audits[0].topology) == ("incident", "test")


def test_now_never_goes_back() -> None:
    chain = Chain([Counter()])
    chain.send("alerts", "a", alert("a"))
    chain.now_ms -= 10_000
    effects = chain.send("alerts", "a", alert("a"))
    assert effects.journal.now_ms == chain.now_ms + 10_000


def test_an_oversize_value_is_blamed_on_its_event() -> None:
    chain = Chain([Counter()])
    chain.run(
        [
            chain.record("alerts", "big", alert("big", description="x" * 1_100_000)),
            chain.record("alerts", "a", alert("a")),
        ]
    )
    (letter,) = chain.outputs("dead-letters")
    assert "1000000" in letter.detail
    assert chain.table(COUNTS) == {"a": Count(1)}


def test_audit_names_the_incident_that_the_reason_led_to() -> None:
    chain = Chain([Counter()])
    chain.run([chain.record("alerts", n, alert(n)) for n in ("incident-a", "incident-b")])
    assert [a.incident_id for a in chain.outputs("audit")] == ["incident-a", "incident-b"]


class Intruder(Counter):
    """Writes into the table of another stage."""

    name = "intruder"
    tables: tuple[TableSpec[Any], ...] = ()


def test_only_its_owner_writes_a_table() -> None:
    chain = Chain([Intruder(), Counter()])
    chain.send("alerts", "a", alert("a"))
    (letter,) = chain.outputs("dead-letters")
    assert "'counts' belongs to another stage" in letter.detail
    assert chain.table(COUNTS) == {}


def test_who_reads_no_decoded_outputs_gets_the_same_bytes_and_digest() -> None:
    chain = Chain([Counter()])
    records = [chain.record("alerts", n, alert(n)) for n in ("a", "boom", "a")]
    kept = chain.task.run(records, chain.now_ms)
    bare = Task(chain.task.agent, 0, MemoryStore(), decoded=()).run(records, chain.now_ms)
    assert [(o.topic, o.value) for o in kept.outputs if o.topic != "dead-letters"] == [
        (o.topic, o.value) for o in bare.outputs if o.topic != "dead-letters"
    ]
    assert kept.journal.digest == bare.journal.digest
    assert all(output.event is not None for output in kept.outputs)
    assert {o.topic for o in bare.outputs if o.event is not None} == {"dead-letters"}
