"""KafkaAppender: what it accepts is on the log, what is not on the log it never accepted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from pipeline.domain.errors import Busy, Oversize, StoreError
from pipeline.domain.store import Output
from pipeline.hosts.faust.appender import HOLDS_S, WITHIN_S, Bounds, KafkaAppender
from pipeline.simulate.kafka import Node, Quorum
from tests.hosts.faust.topics import drop_topic, make_topic, read_all, set_config
from tests.kafka import Broker, require_kafka
from tests.wait import wait_until_async

NOW_MS = 1_700_000_000_000
SECONDS = 6.0
"""A few seconds: so long after a broker is gone its clients know it."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that may be killed."""
    require_kafka()
    with Node(tmp_path_factory.mktemp("node")) as found:
        yield found


@contextlib.asynccontextmanager
async def appending(
    bootstrap: str, *topics: str, bounds: Bounds | None = None
) -> AsyncIterator[KafkaAppender]:
    options = {"bootstrap_servers": bootstrap}
    appender = KafkaAppender(options, dict.fromkeys(topics, 0), lambda: NOW_MS, bounds=bounds)
    try:
        await appender.start()
        yield appender
    finally:
        await appender.stop()


def alert(topic: str, key: str, text: str = "", **headers: str) -> Output:
    return Output(topic=topic, key=key, value=(text or key).encode(), headers=headers)


async def test_what_is_accepted_is_read_by_anybody(broker: Broker) -> None:
    topic = broker.new_name("raw")
    make_topic(broker.bootstrap, topic, 5)
    async with appending(broker.bootstrap, topic) as appender:
        outputs = [alert(topic, f"key-{n}", f"value-{n}", tenant="a", note="ü") for n in range(100)]
        outputs.append(Output(topic=topic, key="gone", value=None))
        places = await appender.append(outputs)
        assert appender.waiting == 0
        assert not appender.fault
    found = {(m.topic(), m.partition(), m.offset()): m for m in read_all(broker.bootstrap, topic)}
    assert len(found) == len(places) == 101
    for output, place in zip(outputs, places, strict=True):
        message = found[place]
        assert message.key() == output.key.encode()
        assert message.value() == output.value
        assert message.timestamp()[1] == NOW_MS
        headers = message.headers() or []
        assert dict(headers) == {name: text.encode() for name, text in output.headers.items()}


async def test_a_key_lies_where_every_kafka_client_puts_it(broker: Broker) -> None:
    topic = broker.new_name("keys")
    make_topic(broker.bootstrap, topic, 7)
    keys = [f"scope-{n}" for n in range(50)] + ["ü", "a" * 1_000]
    async with appending(broker.bootstrap, topic) as appender:
        places = await appender.append([alert(topic, key) for key in keys])
        await appender.append([Output(topic=topic, key="", value=b"any") for _ in range(14)])
    theirs: dict[str, int] = {}

    def delivered(_error: object, message: Any) -> None:
        theirs[message.key().decode()] = message.partition()

    producer = Producer({"bootstrap.servers": broker.bootstrap, "partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(topic, b"", key, on_delivery=delivered)
    producer.flush(20)
    assert {key: place[1] for key, place in zip(keys, places, strict=True)} == theirs
    keyless = Counter(m.partition() for m in read_all(broker.bootstrap, topic) if m.key() is None)
    assert set(keyless.values()) == {2}


async def test_many_at_once_are_each_there_once_and_in_order(broker: Broker) -> None:
    topic = broker.new_name("many")
    make_topic(broker.bootstrap, topic, 3)
    async with appending(broker.bootstrap, topic) as appender:

        async def sender(name: str) -> None:
            for number in range(100):
                await appender.append([alert(topic, name, f"{number}")])

        await asyncio.gather(*(sender(f"s{n}") for n in range(30)))
    found: dict[str, list[int]] = {}
    for message in read_all(broker.bootstrap, topic):
        found.setdefault(message.key().decode(), []).append(int(message.value()))
    assert found == {f"s{n}": list(range(100)) for n in range(30)}


async def test_a_batch_larger_than_a_record_may_be_goes_in_several(broker: Broker) -> None:
    topic = broker.new_name("big")
    make_topic(broker.bootstrap, topic, 1)
    async with appending(broker.bootstrap, topic) as appender:
        await appender.append([alert(topic, f"{n}", "x" * 900_000) for n in range(15)])
        with pytest.raises(Oversize):
            await appender.append([alert(topic, "ok"), alert(topic, "k", "x" * 1_000_000)])
    assert len(read_all(broker.bootstrap, topic)) == 15


async def test_too_few_replicas_are_said_in_time_and_harm_no_other_topic(tmp_path: Path) -> None:
    require_kafka()
    async with Quorum(tmp_path) as quorum:
        make_topic(quorum.bootstrap, "good", 6, {"min.insync.replicas": "2"}, replicas=3)
        make_topic(quorum.bootstrap, "bad", 6, {"min.insync.replicas": "3"}, replicas=3)
        async with appending(quorum.bootstrap, "good", "bad") as appender:
            await _accepted(appender, *(alert("bad", f"{n}") for n in range(20)))
            await asyncio.to_thread(quorum.nodes[2].kill)
            await _accepted(appender, *(alert("good", f"{n}") for n in range(20)))
            began_s = time.monotonic()
            refusals = await asyncio.gather(
                *(appender.append([alert("bad", f"{n}", "bad")]) for n in range(20)),
                return_exceptions=True,
            )
            assert time.monotonic() - began_s < SECONDS
            for refusal in refusals:
                assert isinstance(refusal, Busy)
                assert refusal.after_s > 0
                assert "bad was not written in time: Kafka says" in str(refusal)
            assert "NOT_ENOUGH_REPLICAS" in appender.fault
            began_s = time.monotonic()
            await appender.append([alert("good", f"{n}") for n in range(20)])
            assert time.monotonic() - began_s < WITHIN_S / 2
            set_config(quorum.bootstrap, "bad", "min.insync.replicas", "2")
            await _accepted(appender, alert("bad", "again"))
            await wait_until_async(lambda: not appender.fault, what="well", deadline_s=3 * HOLDS_S)
        await asyncio.to_thread(quorum.nodes[2].resume)
        values = [m.value() for m in read_all(quorum.bootstrap, "bad")]
    assert b"again" in values
    # Refused before it was appended, and not sent again since then.
    assert b"bad" not in values


async def test_a_topic_that_is_not_there_is_named(broker: Broker) -> None:
    there, lacking = broker.new_name("there"), broker.new_name("lacking")
    make_topic(broker.bootstrap, there)
    async with appending(broker.bootstrap, there, lacking) as appender:
        assert f"no topic {lacking}: run `tocsin topology apply`" in appender.fault
        with pytest.raises(StoreError, match=lacking):
            await appender.append([alert(there, "k"), alert(lacking, "k")])
        await appender.append([alert(there, "k")])
        make_topic(broker.bootstrap, lacking)
        await wait_until_async(lambda: not appender.fault, what="the topic is seen")
        await appender.append([alert(lacking, "k")])
        drop_topic(broker.bootstrap, lacking)
        await wait_until_async(lambda: lacking in appender.fault, what="the topic is missed")
    assert [m.value() for m in read_all(broker.bootstrap, there)] == [b"k"]


async def test_no_broker_at_the_start_is_said(node: Node) -> None:
    appender = KafkaAppender({"bootstrap_servers": "127.0.0.1:1"}, {"t": 0}, lambda: NOW_MS)
    with pytest.raises(Busy, match="cannot be reached"):
        await appender.start()
    await appender.stop()


async def _accepted(appender: KafkaAppender, *outputs: Output) -> None:
    """Append, and repeat as a sender does."""
    give_up_at_s = time.monotonic() + 60
    while True:
        try:
            await appender.append(outputs)
        except StoreError:
            assert time.monotonic() < give_up_at_s
            await asyncio.sleep(0)  # what is refused at once leaves no time to look again
        else:
            return


async def test_a_broker_that_is_killed_costs_no_record_that_was_accepted(node: Node) -> None:
    topic = f"killed-{time.time_ns()}"
    make_topic(node.bootstrap, topic, 4)
    accepted: set[bytes] = set()
    refused: Counter[bytes] = Counter()
    refused_after_s: list[float] = []
    is_over = False

    async def sender(appender: KafkaAppender, name: int) -> None:
        number = 0
        while not is_over:
            number += 1
            output = alert(topic, f"{name}-{number}")
            while True:
                began_s = time.monotonic()
                try:
                    await appender.append([output])
                except Busy:
                    refused[output.value or b""] += 1
                    refused_after_s.append(time.monotonic() - began_s)
                    if is_over:
                        return
                else:
                    accepted.add(output.value or b"")
                    break

    async with appending(node.bootstrap, topic) as appender:
        senders = [asyncio.create_task(sender(appender, n)) for n in range(40)]
        await wait_until_async(lambda: len(accepted) > 2_000, what="accepted")
        await asyncio.to_thread(node.kill)
        await wait_until_async(lambda: len(refused) >= 40, what="refused", deadline_s=3 * SECONDS)
        assert max(refused_after_s) < SECONDS
        assert appender.waiting <= 40
        assert appender.fault
        before = len(accepted)
        await asyncio.to_thread(node.resume)
        await wait_until_async(
            lambda: len(accepted) > before + 2_000, what="accepted again", deadline_s=60
        )
        is_over = True
        await asyncio.gather(*senders)
        await wait_until_async(lambda: not appender.fault, what="well", deadline_s=3 * HOLDS_S)
    found = Counter(m.value() for m in read_all(node.bootstrap, topic))
    assert accepted <= found.keys()
    # A record that is there twice, or there though it was refused, was repeated by its sender.
    extra = {value: count for value, count in found.items() if count > 1}
    assert extra.keys() <= refused.keys()
    assert found.keys() - accepted <= refused.keys()


async def test_what_waits_is_bounded_and_given_up_in_time(node: Node) -> None:
    topic = f"halted-{time.time_ns()}"
    make_topic(node.bootstrap, topic, 1)
    bounds = Bounds(records_max=20, size_bytes_max=10_000)
    async with appending(node.bootstrap, topic, bounds=bounds) as appender:
        await appender.append([alert(topic, "first")])
        os.kill(node.pid, signal.SIGSTOP)
        try:
            # A signal is sent before all threads of the process stand still.
            await asyncio.to_thread(os.waitid, os.P_PID, node.pid, os.WSTOPPED | os.WNOWAIT)
            began_s = time.monotonic()
            waiting = [
                asyncio.create_task(appender.append([alert(topic, f"w{n}")])) for n in range(20)
            ]
            await wait_until_async(lambda: appender.waiting == 20, what="20 wait")
            with pytest.raises(Busy, match="20 records wait"):
                await appender.append([alert(topic, "over")])
            assert time.monotonic() - began_s < 1
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert time.monotonic() - began_s < SECONDS
            assert all(isinstance(answer, Busy) for answer in answers)
            assert appender.waiting == 0
            assert appender.fault
        finally:
            os.kill(node.pid, signal.SIGCONT)
        await _accepted(appender, alert(topic, "last"))
    values = [m.value().decode() for m in read_all(node.bootstrap, topic)]
    # What was on its way to the halted broker it may take when it goes on; the rest was let go.
    assert values[0] == "first"
    assert values[-1] == "last"
    assert "over" not in values
    assert len(values) == len(set(values))


async def test_a_sender_that_leaves_is_not_waited_for(node: Node) -> None:
    topic = f"left-{time.time_ns()}"
    make_topic(node.bootstrap, topic, 1)
    async with appending(node.bootstrap, topic) as appender:
        leaving = asyncio.create_task(appender.append([alert(topic, "leaves")]))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert appender.waiting == 0
        await appender.append([alert(topic, "stays")])
    assert [m.value() for m in read_all(node.bootstrap, topic)][-1] == b"stays"


async def test_after_the_stop_nothing_is_taken(broker: Broker, tmp_path: Path) -> None:
    topic = broker.new_name("stop")
    make_topic(broker.bootstrap, topic)
    async with appending(broker.bootstrap, topic) as appender:
        under_way = asyncio.create_task(appender.append([alert(topic, "a"), alert(topic, "b")]))
        await asyncio.sleep(0)
    assert len(await under_way) == 2
    with pytest.raises(Busy, match="stopping"):
        await appender.append([alert(topic, "c")])
