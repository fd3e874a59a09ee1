"""What speaks against a migration is found before anything is written, and said."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.app.applied import check_applied
from pipeline.app.moving import Move, Outcome, move_all
from pipeline.domain.errors import Busy, UsageError
from pipeline.hosts.embedded.folder import Folder
from pipeline.hosts.faust.client.batches import Outgoing
from pipeline.hosts.migrate.mover import TRANSACTION_TIMEOUT_MS, Mover
from pipeline.hosts.migrate.survey import Survey
from tests.hosts.faust.differential.copied import copy
from tests.hosts.faust.differential.feeding import Feeding
from tests.hosts.faust.differential.place import Place
from tests.hosts.faust.differential.runs import committed
from tests.hosts.migrate.dying import killed
from tests.hosts.migrate.going_on import check_state, control
from tests.hosts.migrate.lives import Receivers, alert, begin, text_of
from tests.hosts.migrate.worlds import OnDisk, migrate, topology_of
from tests.wait import wait_until

TEXT = text_of()


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refusals") / "begun"
    begin(folder, TEXT)
    return folder


@pytest.fixture
def source(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "source"))


@pytest.fixture
def target(place: Place) -> Place:
    place.begin(topology_of(TEXT))
    return place


@contextmanager
def member(bootstrap: str, group: str, topic: str) -> Iterator[None]:
    """Somebody in a group."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
    consumer.subscribe([topic])

    def is_in() -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    wait_until(is_in, what=f"a member of {group}", deadline_s=30)
    yield
    consumer.close()


def check_refused(outcome: Outcome, *texts: str) -> None:
    """It was not carried, and each text stands in some refusal."""
    assert not outcome.is_carried
    for text in texts:
        assert any(text in refusal for refusal in outcome.found.refusals), outcome.found.refusals


def test_a_folder_in_use_is_refused(place: Place, source: Path) -> None:
    held = Folder(source)
    held.acquire()
    with pytest.raises(Busy, match="is in use by process"):
        migrate(source, place.bootstrap, TEXT)
    held.release()


def test_topics_that_are_not_as_declared_are_named(target: Place, source: Path) -> None:
    other = text_of(partitions=4)
    check_refused(migrate(source, target.bootstrap, other), "run `tocsin topology apply`")


def test_a_target_with_records_is_refused(target: Place, source: Path) -> None:
    Feeding(target.bootstrap).write([alert("Other", "other")], 1)
    check_refused(migrate(source, target.bootstrap, TEXT), "there are records on raw-alerts")
    assert not control(target).migrating


def test_a_target_with_offsets_is_refused(target: Place, source: Path) -> None:
    admin = AdminClient({"bootstrap.servers": target.bootstrap, "log_level": 0})
    moved = ConsumerGroupTopicPartitions("shop-decide", [TopicPartition("alerts", 1, 0)])
    (future,) = admin.alter_consumer_group_offsets([moved]).values()
    future.result(30)
    check_refused(migrate(source, target.bootstrap, TEXT), "offsets are committed for shop-decide")
    (gone,) = admin.delete_consumer_groups(["shop-decide"]).values()
    gone.result(30)


def test_a_worker_on_the_target_is_refused(target: Place, source: Path) -> None:
    with member(target.bootstrap, "shop-decide", "alerts"):
        check_refused(migrate(source, target.bootstrap, TEXT), "workers are in shop-decide")
        assert not control(target).migrating


def test_offsets_are_not_taken_while_a_worker_is_there(target: Place) -> None:
    async def put() -> None:
        options = {"bootstrap_servers": target.bootstrap}
        mover = Mover(options, "one", transaction_timeout_ms=TRANSACTION_TIMEOUT_MS)
        await mover.start()
        try:
            record: Outgoing = (b"key", b"value", [], 1)
            await mover.put({("audit", 0): [record]}, {"shop-decide": {("alerts", 0): 0}})
        finally:
            await mover.stop()

    with member(target.bootstrap, "shop-decide", "alerts"), pytest.raises(Busy, match="stop all"):
        asyncio.run(put())
    admin = AdminClient({"bootstrap.servers": target.bootstrap, "log_level": 0})
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("shop-decide")])
    assert asked["shop-decide"].result(30).topic_partitions == []


def test_other_scopes_are_refused_while_incidents_are_open(target: Place, source: Path) -> None:
    other = text_of(scope="[environment]")
    check_refused(migrate(source, target.bootstrap, other), "6 incidents are open")


def test_other_scopes_are_taken_where_nothing_is_open(target: Place, tmp_path: Path) -> None:
    driver = OnDisk(tmp_path / "calm", TEXT, Receivers())
    driver.append([alert("Over", "over")])
    driver.append([alert("Over", "over", status="resolved")])
    driver.advance("1h")
    rows = driver.rows()
    assert [one.status for one in driver.table("incidents").values()] == ["resolved"]
    driver.close()
    other = text_of(scope="[environment]")
    outcome = migrate(tmp_path / "calm", target.bootstrap, other)
    assert outcome.is_carried, outcome.found.refusals
    check_state(target, other, rows)


def carry_beside(target: Place, source: Path, *, is_with_history: bool) -> Outcome:
    """Migrate while a producer of somebody else's writes to the target already."""

    def agree(_: Survey) -> bool:
        Feeding(target.bootstrap).write([alert("Early", "early")], 1)
        return True

    move = Move(
        source=source,
        options={"bootstrap_servers": target.bootstrap},
        topology=topology_of(TEXT),
        text=TEXT,
        is_with_history=is_with_history,
    )
    return asyncio.run(move_all(move, agree))


def test_what_others_write_meanwhile_is_still_to_be_read(target: Place, source: Path) -> None:
    assert carry_beside(target, source, is_with_history=False).is_carried
    found = copy(target.bootstrap, ["raw-alerts"])
    starts = committed(target.bootstrap, topology_of(TEXT))
    early = [r for r in found.of("raw-alerts") if r.key == "Early"]
    assert [r.offset >= starts["intake", "raw-alerts", r.partition] for r in early] == [True]
    assert len(list(found.of("raw-alerts"))) == 4


def test_history_is_not_mixed_with_what_others_write(target: Place, source: Path) -> None:
    with pytest.raises(Busy, match="somebody else writes to raw-alerts"):
        carry_beside(target, source, is_with_history=True)
    assert not control(target).applied


def test_what_an_interrupted_run_left_is_finished_or_made_anew(
    target: Place, source: Path, tmp_path: Path
) -> None:
    config = tmp_path / "topology.yaml"
    config.write_text(TEXT)
    killed(target.bootstrap, source, config, "before-end", 6)
    between = control(target)
    assert between.migrating
    with pytest.raises(UsageError, match="has not ended"):
        check_applied(topology_of(TEXT), between)

    driver = OnDisk(source, TEXT, Receivers(), slot="later")
    driver.append([alert("Later", "later")])
    rows = driver.rows()
    driver.close()
    check_refused(migrate(source, target.bootstrap, TEXT), "the source has gone on", "--start-over")
    move = Move(
        source=source,
        options={"bootstrap_servers": target.bootstrap},
        topology=topology_of(TEXT),
        text=TEXT,
        is_starting_over=True,
    )
    outcome = asyncio.run(move_all(move, lambda _: True))
    assert outcome.is_carried, outcome.found.refusals
    check_state(target, TEXT, rows)
    assert control(target).applied == topology_of(TEXT).hash


def test_nothing_is_carried_that_nobody_agreed_to(target: Place, source: Path) -> None:
    move = Move(
        source=source,
        options={"bootstrap_servers": target.bootstrap},
        topology=topology_of(TEXT),
        text=TEXT,
    )
    outcome = asyncio.run(move_all(move, lambda _: False))
    assert not outcome.is_carried
    assert outcome.found.refusals == ()
    assert control(target).installation == ""
