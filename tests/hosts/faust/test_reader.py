"""KafkaLog and the view on it: only what is committed, of every partition, also after a break."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.codec import encode
from pipeline.domain.audit import AuditRecord
from pipeline.domain.errors import Busy, StoreError, UsageError
from pipeline.domain.incident import Incident
from pipeline.domain.notification import Receipt
from pipeline.domain.record import Record
from pipeline.edge.view import View, questions
from pipeline.edge.view.questions import EntryFilter, IncidentFilter
from pipeline.edge.view.rows import COMPACTED, FOLLOWED
from pipeline.hosts.faust import reader as reading
from pipeline.hosts.faust.reader import KafkaLog
from pipeline.simulate.kafka import Node
from tests.hosts.faust.topics import drop_topic, make_topic
from tests.kafka import Broker, require_kafka
from tests.wait import wait_until_async

LIMIT = 100


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that may be killed, and whose topics have the stream's own names."""
    require_kafka()
    with Node(tmp_path_factory.mktemp("node")) as found:
        yield found


@contextlib.asynccontextmanager
async def following(bootstrap: str, *topics: str) -> AsyncIterator[KafkaLog]:
    log = KafkaLog({"bootstrap_servers": bootstrap}, topics)
    try:
        await log.start()
        yield log
    finally:
        await log.stop()


class Taker:
    """Takes all that comes, partition by partition, as the view does."""

    def __init__(self, log: KafkaLog, topic: str, offsets: dict[int, int] | None = None) -> None:
        self.log = log
        self.topic = topic
        self.offsets = defaultdict(int, offsets or {})
        self.found: dict[int, list[Record]] = defaultdict(list)

    def take(self) -> int:
        """Once; how many there are by now."""
        for partition in self.log.partitions(self.topic):
            records = self.log.read(self.topic, partition, self.offsets[partition], LIMIT)
            assert len(records) <= LIMIT
            if records:
                self.offsets[partition] = records[-1].offset + 1
                self.found[partition] += records
        return sum(map(len, self.found.values()))

    async def until(self, count: int) -> None:
        await wait_until_async(lambda: self.take() >= count, what=f"{count} records")

    async def to_the_end(self) -> None:
        await wait_until_async(
            lambda: (self.take(), self.log.behind())[1] == 0, what="nothing is left"
        )


def write(
    bootstrap: str,
    topic: str,
    values: Sequence[bytes],
    *,
    transaction: str = "",
    is_committed: bool = True,
) -> Producer:
    """Write by librdkafka, round robin over 3 partitions; a transaction may stay open."""
    options: dict[str, Any] = {"bootstrap.servers": bootstrap}
    producer = Producer(options | ({"transactional.id": transaction} if transaction else {}))
    if transaction:
        producer.init_transactions(30)
        producer.begin_transaction()
    for number, value in enumerate(values):
        producer.produce(
            topic, value, f"k{number}", partition=number % 3, headers={"trace": "t", "no": None}
        )
    producer.flush(30)
    if transaction and is_committed:
        producer.commit_transaction(30)
    return producer


def texts(count: int, word: str) -> list[bytes]:
    return [f"{word}-{number}".encode() for number in range(count)]


async def test_only_what_is_committed_is_read_and_holes_are_no_lag(broker: Broker) -> None:
    topic = broker.new_name("committed")
    make_topic(broker.bootstrap, topic, 3)
    first = write(broker.bootstrap, topic, texts(9, "a"), transaction=f"{topic}-1")
    async with following(broker.bootstrap, topic) as log:
        taker = Taker(log, topic)
        await taker.until(9)
        open_one = write(
            broker.bootstrap, topic, texts(9, "no"), transaction=f"{topic}-2", is_committed=False
        )
        last = write(broker.bootstrap, topic, texts(9, "b"), transaction=f"{topic}-3")
        assert await asyncio.to_thread(log.behind_s) < 5
        assert taker.take() == 9  # the open transaction holds back what was committed after it
        open_one.abort_transaction(30)
        await taker.until(18)
        await taker.to_the_end()
        assert log.behind() == 0
        assert log.behind_s() < 5
        del first, last
    for partition, records in taker.found.items():
        words = [(record.value or b"").decode() for record in records]
        mine = [n for n in range(9) if n % 3 == partition]
        assert words == [f"a-{n}" for n in mine] + [f"b-{n}" for n in mine]
        assert records[0].key == f"k{partition}"
        assert records[0].headers == {"trace": "t", "no": ""}
        assert records[0].topic == topic
        assert abs(records[0].timestamp_ms - time.time() * 1_000) < 600_000
        offsets = [record.offset for record in records]
        assert offsets == sorted(set(offsets))


async def test_one_goes_on_from_where_one_was(broker: Broker) -> None:
    topic = broker.new_name("on")
    make_topic(broker.bootstrap, topic, 3)
    write(broker.bootstrap, topic, texts(30, "a"), transaction=topic)
    async with following(broker.bootstrap, topic) as log:
        before = Taker(log, topic)
        await before.until(30)
        identity = log.identity
    write(broker.bootstrap, topic, texts(6, "b"), transaction=topic)
    async with following(broker.bootstrap, topic) as log:
        assert log.identity == identity
        after = Taker(log, topic, dict(before.offsets))
        await after.to_the_end()
        assert after.take() == 6
        again = Taker(log, topic)  # somebody who begins anew reads all of it
        await again.until(36)


async def test_what_nobody_takes_is_bounded(broker: Broker) -> None:
    topic = broker.new_name("big")
    make_topic(broker.bootstrap, topic, 3)
    write(broker.bootstrap, topic, [b"x" * 500_000] * 90)
    async with following(broker.bootstrap, topic) as log:
        taker = Taker(log, topic)
        taker.take()
        tails = log._tails.values()
        await wait_until_async(
            lambda: all(tail.size_bytes >= reading.TAIL_BYTES_MAX for tail in tails), what="full"
        )
        held = max(tail.size_bytes for tail in tails)
        assert held <= reading.TAIL_BYTES_MAX + 4 * 2**20
        assert log.behind() >= 90
        await taker.until(90)
        await taker.to_the_end()


async def test_what_retention_took_is_passed_over(broker: Broker) -> None:
    topic = broker.new_name("cut")
    make_topic(broker.bootstrap, topic, 3)
    write(broker.bootstrap, topic, texts(30, "a"))
    places = [TopicPartition(topic, 0, 4), TopicPartition(topic, 1, 10)]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.delete_records(places).values():
        future.result(30)
    async with following(broker.bootstrap, topic) as log:
        taker = Taker(log, topic, {2: 3})
        await taker.to_the_end()
        assert {number: len(records) for number, records in taker.found.items()} == {0: 6, 2: 7}
        assert log.bounds(topic, 0) == (4, 10)
        ahead = Taker(log, topic, {0: 50})
        await wait_until_async(lambda: ahead.take() or True, what="asked")
        assert log.bounds(topic, 0)[1] == 10  # by this the view knows that it is ahead
        write(broker.bootstrap, topic, texts(3, "b"))
        taker = Taker(log, topic)
        await taker.until(16)


async def test_a_topic_that_is_not_there_is_named(broker: Broker) -> None:
    lacking = broker.new_name("lacking")
    log = KafkaLog({"bootstrap_servers": broker.bootstrap}, [lacking])
    with pytest.raises(StoreError, match=rf"{lacking}: .*tocsin topology apply"):
        await log.start()
    await log.stop()
    nowhere = KafkaLog({"bootstrap_servers": "127.0.0.1:1"}, [lacking])
    with pytest.raises(Busy, match="cannot be read"):
        await nowhere.start()
    await nowhere.stop()
    with pytest.raises(UsageError):
        nowhere.read("other", 0, 0, 1)


async def test_a_broker_that_comes_back_is_read_again(node: Node) -> None:
    topic = f"back-{time.time_ns()}"
    make_topic(node.bootstrap, topic, 3)
    write(node.bootstrap, topic, texts(9, "a"))
    async with following(node.bootstrap, topic) as log:
        taker = Taker(log, topic)
        await taker.until(9)
        await taker.to_the_end()
        await asyncio.to_thread(node.kill)
        await wait_until_async(lambda: log.behind_s() > 2, what="behind")
        await asyncio.to_thread(node.resume)
        write(node.bootstrap, topic, texts(9, "b"))
        await taker.until(18)
        await wait_until_async(lambda: log.behind_s() < 2, what="not behind any more")
    assert taker.take() == 18


def incident(number: int, **changes: Any) -> Incident:
    facts: dict[str, Any] = {
        "incident_id": f"0.{number}",
        "scope_id": "0",
        "tenant": "default",
        "status": "triggered",
        "title": f"t{number}",
        "severity": "critical",
        "group_key": "g",
        "rule": "r",
        "opened_at_ms": number,
        "updated_at_ms": 1,
    }
    return Incident(**(facts | changes))


def receipt(number: int) -> Receipt:
    return Receipt(
        notification_id=f"n{number}",
        incident_id=f"0.{number}",
        scope_id="0",
        tenant="default",
        receiver="r",
        sequence=1,
        action="trigger",
        result="delivered",
        at_ms=number,
    )


def applied(number: int) -> AuditRecord:
    return AuditRecord(
        at_ms=100,
        tenant="default",
        agent="decide",
        stage="correlate",
        reason="correlate.applied",
        text="done",
        incident_id=f"0.{number}",
        command_id=f"c{number}",
        result="applied",
    )


def make_stream(bootstrap: str) -> None:
    for topic in FOLLOWED:
        make_topic(bootstrap, topic, 1 if topic in COMPACTED - {"incidents"} else 5)


def put(bootstrap: str, topic: str, values: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for key, value in values.items():
        producer.produce(topic, None if value is None else encode(value), key)
    assert producer.flush(30) == 0


@contextlib.asynccontextmanager
async def viewing(node: Node, path: Path) -> AsyncIterator[View]:
    async with following(node.bootstrap, *FOLLOWED) as log:
        view = View(log, path / "view.db", identity=f"here {log.identity}", apart_s=2.0)
        log.on_news = view.nudge
        view.start()
        try:
            yield view
        finally:
            await view.stop()


async def shown(view: View, is_enough: Callable[[list[Incident]], bool]) -> list[Incident]:
    """Incidents, once they are as wanted."""
    give_up_at_s = time.monotonic() + 20
    while True:
        page = await view.ask(questions.incidents, IncidentFilter(), 1_000, "")
        if is_enough(page.rows):
            return list(page.rows)
        assert time.monotonic() < give_up_at_s, len(page.rows)


async def test_a_view_follows_all_partitions_goes_on_and_is_built_anew(
    node: Node, tmp_path: Path
) -> None:
    make_stream(node.bootstrap)
    put(node.bootstrap, "incidents", {f"0.{n}": incident(n) for n in range(50)})
    put(node.bootstrap, "receipts", {f"{n}": receipt(n) for n in range(50)})
    async with viewing(node, tmp_path) as view:
        await shown(view, lambda rows: len(rows) == 50)
        put(node.bootstrap, "incidents", {"0.3": None, "0.4": incident(4, status="resolved")})
        rows = await shown(view, lambda rows: len(rows) == 49)
        await shown(view, lambda rows: "resolved" in {row.status for row in rows})
        assert not view.fault
    async with viewing(node, tmp_path) as view:
        rows = await shown(view, lambda rows: len(rows) == 49)
        put(node.bootstrap, "receipts", {f"{n}": receipt(n) for n in range(50, 60)})
        put(node.bootstrap, "incidents", {"0.60": incident(60)})
        await shown(view, lambda rows: len(rows) == 50)
        page = await view.ask(questions.entries, "receipts", EntryFilter(), 1_000)
        counts = await view.ask(questions.counts)
        # Read twice, a receipt would be counted twice.
        assert counts["pages"] == {"delivered": len(page.rows)} == {"delivered": 60}
    for topic in FOLLOWED:
        drop_topic(node.bootstrap, topic)
    await wait_until_async(lambda: _made(node.bootstrap), what="topics are made anew")
    put(node.bootstrap, "incidents", {"0.7": incident(7)})
    async with viewing(node, tmp_path) as view:
        rows = await shown(view, lambda rows: len(rows) == 1)
        assert [row.incident_id for row in rows] == ["0.7"]
        assert await view.ask(questions.counts) == {
            "incidents": {"triggered": 1, "muted": 0},
            "notifications": {},
            "receipts": {},
            "dead-letters": {},
            "pages": {},
        }
        await _told_with_its_incident(node, view)


def _made(bootstrap: str) -> bool:
    """A topic that was deleted a moment ago cannot be made yet."""
    try:
        make_stream(bootstrap)
    except Exception:  # noqa: BLE001
        for topic in FOLLOWED:
            with contextlib.suppress(Exception):
                drop_topic(bootstrap, topic)
        return False
    return True


async def _told_with_its_incident(node: Node, view: View) -> None:
    """What came of a command is told when the view shows the incident as it then was."""
    future = view.expect("c7")
    assert future is not None
    put(node.bootstrap, "audit", {"default": applied(7)})
    page = None
    while not (page and page.rows):
        page = await view.ask(questions.entries, "audit", EntryFilter(ref="c7"), 10)
    assert not future.done()
    put(node.bootstrap, "incidents", {"0.7": incident(7, status="acknowledged", updated_at_ms=100)})
    await asyncio.wait_for(future, 20)
    found = await view.ask(questions.incident, "0.7")
    assert found is not None
    assert found.status == "acknowledged"
    unchanged = view.expect("c8")
    assert unchanged is not None
    put(node.bootstrap, "audit", {"default": applied(8)})
    assert (await asyncio.wait_for(unchanged, 20)).command_id == "c8"


async def test_it_can_be_stopped_at_any_moment(broker: Broker) -> None:
    topic = broker.new_name("stopped")
    make_topic(broker.bootstrap, topic, 3)
    for turns in (0, 1, 3, 10, 100):
        log = KafkaLog({"bootstrap_servers": broker.bootstrap}, [topic])
        starting = asyncio.create_task(log.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns % 2:
            starting.cancel()
        await asyncio.wait_for(log.stop(), 20)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        assert not log._thread.is_alive()
