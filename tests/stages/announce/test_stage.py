"""What `announce` tells of a service's changes: what is new, once, in its order."""

from __future__ import annotations

from pipeline.domain.catalog import Change, ChangeEntry
from pipeline.domain.notification import Notification
from pipeline.domain.record import TENANT
from pipeline.domain.wiring import Wiring
from pipeline.stages.announce import build
from pipeline.stages.announce.news import NEWS_FOR_MS, news_of
from pipeline.stages.announce.tables import ANNOUNCED, SEEN_MAX
from pipeline.stages.send.config import Receiver
from tests.chain import START_MS, Chain

RECEIVERS = {
    "on-call": Receiver(sink="pagerduty", changes=True),
    "hook": Receiver(sink="webhook", changes=True),
    "quiet": Receiver(sink="webhook"),
}


def chain() -> Chain:
    return Chain([build(Wiring(sections={"receivers": RECEIVERS}))])


def entry(change_id: str, second: int = 0) -> ChangeEntry:
    return ChangeEntry(
        change_id=change_id,
        kind="deploy",
        summary=f"change {change_id}",
        at_ms=START_MS + 1_000 * second,
        author="ann",
    )


def tell(bench: Chain, *entries: ChangeEntry, service: str = "shop") -> list[Notification]:
    bench.send("changes", service, Change(service=service, entries=entries), {TENANT: "acme"})
    found: list[Notification] = bench.outputs("notifications")
    return found


def test_each_new_change_is_told_to_each_receiver_that_asks() -> None:
    bench = chain()
    first = tell(bench, entry("b", 2), entry("a", 1))
    assert [(n.receiver, n.title, n.sequence) for n in first] == [
        ("on-call", "change a", 1),
        ("hook", "change a", 1),
        ("on-call", "change b", 2),
        ("hook", "change b", 2),
    ]
    assert {(n.tenant, n.action, n.service, n.severity) for n in first} == {
        ("acme", "change", "shop", "info")
    }
    assert first[0].labels == {"kind": "deploy", "author": "ann", "change_id": "a"}
    assert first[0].notification_id == f"{first[0].incident_id}/on-call/1"
    assert first[0].incident_id == f"{first[0].scope_id}.change"
    again = tell(bench, entry("c", 3), entry("b", 2), entry("a", 1))
    assert [(n.title, n.sequence) for n in again] == [("change c", 3), ("change c", 3)]


def test_services_are_numbered_apart() -> None:
    bench = chain()
    ids = {tell(bench, entry("a"), service=name)[0].incident_id for name in ("shop", "a/b", "")}
    assert len(ids) == 3
    assert all("/" not in incident_id for incident_id in ids)


def test_what_a_value_left_out_is_no_news_when_it_stands_in_the_next() -> None:
    bench = chain()
    tell(bench, entry("a", 1), entry("b", 2))
    tell(bench, entry("c", 3))
    assert tell(bench, entry("a", 1), entry("c", 3)) == []


def test_what_is_remembered_is_bounded() -> None:
    bench = chain()
    for number in range(3 * SEEN_MAX):
        tell(bench, entry(str(number), number))
    [row] = bench.table(ANNOUNCED).values()
    assert len(row.change_ids) == SEEN_MAX
    assert row.sequence == 3 * SEEN_MAX


def test_news_are_of_the_last_day() -> None:
    now_ms = START_MS + NEWS_FOR_MS
    change = Change(service="shop", entries=(entry("now", 1), entry("edge"), entry("old", -1)))
    assert [each.change_id for each in news_of(change, (), now_ms)] == ["edge", "now"]
