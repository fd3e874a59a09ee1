"""What a producer makes of lost answers, refusals and late duplicates; the broker is real."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.hosts.faust.client.batches import Outgoing
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.client.errors import Abortable, Fenced, Indefinite, Late, Refused
from pipeline.hosts.faust.client.link import TRANSACTION, Link
from pipeline.hosts.faust.client.offsets import stable_offsets
from pipeline.hosts.faust.client.requests import END_TXN_V3, END_TXN_V5
from pipeline.hosts.faust.client.transactions import EpochProducer, Member
from tests.hosts.faust.client.conftest import NewProducer
from tests.hosts.faust.client.faults import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    END_TXN,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Faults,
)
from tests.hosts.faust.client.reading import read_committed
from tests.kafka import Broker


@pytest.fixture
def no_raised_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a cluster older than 4.0, or with transaction.version below 2."""

    async def no(*_: object) -> bool:
        return False

    monkeypatch.setattr(Link, "raises_epochs", no)


@pytest.fixture(params=[True, False], ids=["raised", "not-raised"])
def both(request: pytest.FixtureRequest) -> bool:
    """Whether the broker raises the epoch with each end; the test holds with and without."""
    if not request.param:
        request.getfixturevalue("no_raised_epochs")
    return bool(request.param)


def records(*contents: bytes) -> list[Outgoing]:
    return [(b"k", content, [], 1_700_000_000_000) for content in contents]


def values(broker: Broker, topic: str) -> list[bytes]:
    return [message.value() for message in read_committed(broker.bootstrap, topic)]


async def test_the_real_broker_raises_epochs_and_they_are_adopted(
    topic: str, producer: EpochProducer, anybody: Member
) -> None:
    coordinators = producer._coordinators
    assert coordinators.raises_epochs
    before = coordinators.writer
    await producer.commit({(topic, 0): records(b"a")}, {(topic, 0): 1}, anybody)
    assert coordinators.writer.producer_id == before.producer_id
    assert coordinators.writer.epoch == before.epoch + 1
    assert producer._sequences == {}


async def test_without_raised_epochs_sequences_go_on_and_an_abort_raises_the_epoch(
    broker: Broker,
    topic: str,
    no_raised_epochs: None,
    new_producer: NewProducer,
    anybody: Member,
    faults: Faults,
) -> None:
    producer = await new_producer()
    before = producer._coordinators.writer
    for number in range(3):
        await producer.commit({(topic, 0): records(b"a", b"b")}, {(topic, 0): number}, anybody)
    assert producer._sequences == {(topic, 0): 6}
    assert producer._coordinators.writer == before
    faults.refuse(TXN_OFFSET_COMMIT, Code.ILLEGAL_GENERATION)
    with pytest.raises(Abortable):
        await producer.commit({(topic, 0): records(b"hidden")}, {(topic, 0): 9}, anybody)
    assert producer._coordinators.writer.epoch > before.epoch
    await producer.commit({(topic, 0): records(b"c")}, {(topic, 0): 4}, anybody)
    assert values(broker, topic) == [b"a", b"b"] * 3 + [b"c"]


async def test_sequences_wrap_on_a_real_broker(
    broker: Broker,
    topic: str,
    no_raised_epochs: None,
    new_producer: NewProducer,
    anybody: Member,
) -> None:
    producer = await new_producer()
    producer._sequences[topic, 0] = 2**31 - 3
    for number in range(3):
        given = records(b"%d-a" % number, b"%d-b" % number)
        await producer.commit({(topic, 0): given}, {(topic, 0): number}, anybody)
    assert producer._sequences[topic, 0] == 3
    assert values(broker, topic) == [b"0-a", b"0-b", b"1-a", b"1-b", b"2-a", b"2-b"]


async def test_an_end_whose_answer_is_lost_is_asked_about_again(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member, faults: Faults
) -> None:
    faults.lose(END_TXN)
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    assert faults.sent[END_TXN] >= 2  # while markers are written the answer is: not now
    await producer.commit({(topic, 0): records(b"two")}, {(topic, 0): 2}, anybody)
    assert values(broker, topic) == [b"one", b"two"]


async def test_without_raised_epochs_an_end_is_never_sent_again(
    broker: Broker,
    topic: str,
    no_raised_epochs: None,
    new_producer: NewProducer,
    anybody: Member,
    faults: Faults,
) -> None:
    producer = await new_producer()
    faults.lose(END_TXN)
    for _ in range(2):  # and nothing more is committed by this process
        with pytest.raises(Indefinite, match="not known"):
            await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    assert faults.sent[END_TXN] == 1
    heir = await new_producer(producer.transactional_id)
    found = await stable_offsets(heir._link.client, anybody.group, [(topic, 0)])
    assert found[topic, 0][0] == 1
    assert values(broker, topic) == [b"one"]


async def test_an_end_that_is_refused_for_now_is_asked_again(
    broker: Broker,
    topic: str,
    both: bool,
    new_producer: NewProducer,
    anybody: Member,
    faults: Faults,
) -> None:
    producer = await new_producer()
    faults.refuse(END_TXN, Code.CONCURRENT_TRANSACTIONS, times=2)
    faults.refuse(END_TXN, Code.NOT_COORDINATOR)
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    assert faults.sent[END_TXN] >= 4
    assert values(broker, topic) == [b"one"]


async def test_an_end_that_is_refused_for_good_is_fenced_or_aborted(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member, faults: Faults
) -> None:
    faults.refuse(END_TXN, Code.TRANSACTION_ABORTABLE)
    with pytest.raises(Abortable, match="TRANSACTION_ABORTABLE"):
        await producer.commit({(topic, 0): records(b"hidden")}, {(topic, 0): 1}, anybody)
    await producer.commit({(topic, 0): records(b"seen")}, {(topic, 0): 1}, anybody)
    faults.refuse(END_TXN, Code.PRODUCER_FENCED)
    with pytest.raises(Fenced):
        await producer.commit({(topic, 0): records(b"fenced")}, {(topic, 0): 2}, anybody)
    await producer._coordinators.end(is_committed=False)
    assert values(broker, topic) == [b"seen"]


async def test_a_refusal_after_a_lost_answer_tells_nothing(
    topic: str, producer: EpochProducer, anybody: Member, faults: Faults
) -> None:
    faults.lose(END_TXN)
    faults.refuse(END_TXN, Code.INVALID_PRODUCER_EPOCH)
    with pytest.raises(Indefinite):
        await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)


@pytest.mark.parametrize(
    ("shape", "commits_half"), [(END_TXN_V5, False), (END_TXN_V3, True)], ids=["v5", "v3"]
)
async def test_a_late_duplicate_of_an_end_cannot_commit_the_next_epoch(
    broker: Broker,
    topic: str,
    new_producer: NewProducer,
    anybody: Member,
    request: pytest.FixtureRequest,
    shape: object,
    commits_half: bool,
) -> None:
    """With v5; and with v3 it can, which is why that one is never sent twice."""
    if commits_half:
        request.getfixturevalue("no_raised_epochs")
    producer = await new_producer()
    former = producer._coordinators.writer
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    await producer._write({(topic, 0): records(b"half")}, {(topic, 0): 2}, anybody)
    connection = await producer._link.open(TRANSACTION, producer.transactional_id)
    late = shape(producer.transactional_id, *former, True)  # type: ignore[operator]
    answer = await connection.send(late)
    assert bool(answer.error_code) is not commits_half
    await producer.abort()
    assert values(broker, topic) == ([b"one", b"half"] if commits_half else [b"one"])


async def test_a_batch_whose_answer_is_lost_is_in_the_log_once(
    broker: Broker,
    topic: str,
    both: bool,
    new_producer: NewProducer,
    anybody: Member,
    faults: Faults,
) -> None:
    producer = await new_producer(batch_bytes_max=200)
    contents = [b"%02d" % number + b"x" * 50 for number in range(10)]
    faults.lose(PRODUCE, times=2)
    last = await producer.commit({(topic, 0): records(*contents)}, {(topic, 0): 1}, anybody)
    found = read_committed(broker.bootstrap, topic)
    assert [message.value() for message in found] == contents
    assert last == {(topic, 0): found[-1].offset()}


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (ADD_PARTITIONS, Code.CONCURRENT_TRANSACTIONS),
        (ADD_PARTITIONS, Code.COORDINATOR_LOAD_IN_PROGRESS),
        (ADD_PARTITIONS, Code.NOT_COORDINATOR),
        (ADD_PARTITIONS, Code.UNKNOWN_TOPIC_OR_PARTITION),
        (ADD_OFFSETS, Code.CONCURRENT_TRANSACTIONS),
        (ADD_OFFSETS, Code.COORDINATOR_NOT_AVAILABLE),
        (PRODUCE, Code.NOT_ENOUGH_REPLICAS),
        (PRODUCE, Code.NOT_LEADER_OR_FOLLOWER),
        (PRODUCE, Code.UNKNOWN_TOPIC_OR_PARTITION),
        (PRODUCE, Code.CONCURRENT_TRANSACTIONS),
        (TXN_OFFSET_COMMIT, Code.COORDINATOR_LOAD_IN_PROGRESS),
        (TXN_OFFSET_COMMIT, Code.NOT_COORDINATOR),
    ],
)
async def test_what_is_refused_for_now_is_asked_again(
    broker: Broker,
    topic: str,
    producer: EpochProducer,
    anybody: Member,
    faults: Faults,
    key: int,
    code: Code,
) -> None:
    faults.refuse(key, code, times=3)
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    assert faults.sent[key] >= 4  # and the broker may refuse for a moment, too
    assert values(broker, topic) == [b"one"]


@pytest.mark.parametrize("key", [ADD_PARTITIONS, ADD_OFFSETS, PRODUCE, TXN_OFFSET_COMMIT])
async def test_what_was_carried_out_but_not_answered_is_asked_again(
    broker: Broker, topic: str, producer: EpochProducer, anybody: Member, faults: Faults, key: int
) -> None:
    faults.lose(key)
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    await producer.commit({(topic, 0): records(b"two")}, {(topic, 0): 2}, anybody)
    assert values(broker, topic) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("key", "code", "error"),
    [
        (ADD_PARTITIONS, Code.TOPIC_AUTHORIZATION_FAILED, Refused),
        (ADD_PARTITIONS, Code.INVALID_TXN_STATE, Abortable),
        (ADD_PARTITIONS, Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Refused),
        (ADD_OFFSETS, Code.GROUP_AUTHORIZATION_FAILED, Refused),
        (PRODUCE, Code.TOPIC_AUTHORIZATION_FAILED, Refused),
        (PRODUCE, Code.MESSAGE_TOO_LARGE, Refused),
        (PRODUCE, 87, Refused),
        (PRODUCE, Code.OUT_OF_ORDER_SEQUENCE_NUMBER, Abortable),
        (PRODUCE, Code.UNKNOWN_PRODUCER_ID, Abortable),
        (TXN_OFFSET_COMMIT, Code.ILLEGAL_GENERATION, Abortable),
        (TXN_OFFSET_COMMIT, Code.OFFSET_METADATA_TOO_LARGE, Refused),
        (TXN_OFFSET_COMMIT, Code.TRANSACTION_ABORTABLE, Abortable),
    ],
)
async def test_a_refusal_aborts_and_the_next_epoch_can_be_committed(
    broker: Broker,
    topic: str,
    both: bool,
    new_producer: NewProducer,
    anybody: Member,
    faults: Faults,
    key: int,
    code: int,
    error: type[Exception],
) -> None:
    producer = await new_producer()
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    faults.refuse(key, code)
    with pytest.raises(error, match=f"\\({code}\\)|error {code}"):
        await producer.commit(
            {(topic, 0): records(b"hidden"), (topic, 1): records(b"hidden")},
            {(topic, 0): 2},
            anybody,
        )
    await producer.commit({(topic, 0): records(b"two")}, {(topic, 0): 2}, anybody)
    assert values(broker, topic) == [b"one", b"two"]


@pytest.mark.parametrize("key", [ADD_PARTITIONS, ADD_OFFSETS, PRODUCE, TXN_OFFSET_COMMIT])
async def test_whoever_is_fenced_commits_nothing_more(
    topic: str, producer: EpochProducer, anybody: Member, faults: Faults, key: int
) -> None:
    faults.refuse(key, Code.INVALID_PRODUCER_EPOCH)
    for _ in range(2):
        with pytest.raises(Fenced):
            await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)


async def test_offsets_whose_answer_is_lost_abort_where_epochs_are_not_raised(
    broker: Broker,
    topic: str,
    no_raised_epochs: None,
    new_producer: NewProducer,
    anybody: Member,
    faults: Faults,
) -> None:
    producer = await new_producer()
    faults.lose(TXN_OFFSET_COMMIT)
    with pytest.raises(Abortable, match="did not answer to the offsets"):
        await producer.commit({(topic, 0): records(b"hidden")}, {(topic, 0): 1}, anybody)
    assert faults.sent[TXN_OFFSET_COMMIT] == 1
    await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    assert values(broker, topic) == [b"one"]


async def test_an_epoch_that_takes_too_long_ends_the_process_and_is_hidden(
    broker: Broker, topic: str, new_producer: NewProducer, anybody: Member, faults: Faults
) -> None:
    producer = await new_producer(transaction_timeout_ms=2_000)
    forever = asyncio.get_running_loop().create_future()
    faults.hold(TXN_OFFSET_COMMIT, forever)
    for _ in range(2):
        with pytest.raises(Late, match="no commit within 1 s"):
            await producer.commit({(topic, 0): records(b"hidden")}, {(topic, 0): 1}, anybody)
    await new_producer(producer.transactional_id)
    assert values(broker, topic) == []


async def test_an_end_that_is_not_answered_in_time_is_indefinite(
    topic: str, new_producer: NewProducer, anybody: Member, faults: Faults
) -> None:
    producer = await new_producer(transaction_timeout_ms=2_000)
    faults.hold(END_TXN, asyncio.get_running_loop().create_future())
    with pytest.raises(Indefinite):
        await producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)


async def test_a_commit_that_is_cancelled_at_its_end_is_indefinite(
    topic: str, producer: EpochProducer, anybody: Member, faults: Faults
) -> None:
    faults.hold(END_TXN, asyncio.get_running_loop().create_future())
    task = asyncio.create_task(
        producer.commit({(topic, 0): records(b"one")}, {(topic, 0): 1}, anybody)
    )
    while not faults.sent[END_TXN]:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(Indefinite):
        await producer.commit({(topic, 0): records(b"two")}, {(topic, 0): 2}, anybody)
