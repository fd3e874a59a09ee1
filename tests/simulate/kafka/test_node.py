"""A node is there when `start` returns, and comes back where it was, whatever ended it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from pipeline.domain.errors import Busy, TocsinError
from pipeline.simulate.kafka import Node, NodeFailed
from pipeline.simulate.kafka.ports import HOST, Ports
from pipeline.simulate.kafka.probe import brokers_at
from tests.kafka import Broker, require_kafka
from tests.simulate.kafka.records import make_topic, read, write


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    require_kafka()
    with Node(tmp_path_factory.mktemp("node") / "inner") as started:
        yield started


def test_the_broker_of_the_session_takes_records(broker: Broker) -> None:
    topic = broker.new_name("taken")
    make_topic(broker.bootstrap, topic)
    write(broker.bootstrap, topic, b"one", b"two")
    assert read(broker.bootstrap, topic, 2) == [b"one", b"two"]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_it_comes_back_where_it_was_with_what_it_had(node: Node, end: str) -> None:
    topic = f"kept-{end}"
    make_topic(node.bootstrap, topic)
    write(node.bootstrap, topic, b"before")
    was_at = node.bootstrap
    getattr(node, end)()
    assert not node.is_running
    with pytest.raises(OSError, match=r"refused"):
        brokers_at(HOST, node.ports["PLAINTEXT"])
    node.resume()
    assert node.bootstrap == was_at
    write(node.bootstrap, topic, b"after")
    assert read(node.bootstrap, topic, 2) == [b"before", b"after"]


def test_a_topic_is_not_made_by_a_typing_error(node: Node) -> None:
    admin = AdminClient({"bootstrap.servers": node.bootstrap})
    assert admin.list_topics("alrets", timeout=30).topics["alrets"].error is not None
    assert "alrets" not in admin.list_topics(timeout=30).topics


def test_a_resumed_node_that_runs_goes_on(node: Node) -> None:
    was = node.pid
    node.resume()
    assert node.pid == was


def test_a_stopped_process_can_be_ended(node: Node) -> None:
    os.kill(node.pid, signal.SIGSTOP)
    node.stop()
    assert not node.is_running
    node.resume()


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    require_kafka()
    broken = Node(tmp_path)
    try:
        broken.start()
        broken.stop()
        (tmp_path / "log" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
        with pytest.raises(NodeFailed, match=r"ended at its start: .*node\.log"):
            broken.resume()
        assert not broken.is_running
    finally:
        broken.close()


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server((HOST, 0)) as listener, Ports() as ports:
        taken = listener.getsockname()[1]
        with pytest.raises(Busy, match=f"127.0.0.1:{taken} is in use"):
            ports.reserve(taken)


def test_reserved_ports_are_not_given_twice() -> None:
    with Ports() as ports:
        found = [ports.reserve() for _ in range(200)]
    assert len(set(found)) == 200


def test_a_node_that_does_not_run_has_no_process(tmp_path: Path) -> None:
    idle = Node(tmp_path)
    with pytest.raises(TocsinError, match="does not run"):
        _ = idle.pid
    idle.close()


async def test_it_is_used_beside_a_running_event_loop(tmp_path: Path) -> None:
    require_kafka()
    async with Node(tmp_path) as started:
        await asyncio.to_thread(started.kill)
        await asyncio.to_thread(started.resume)
        assert started.is_running
    assert not started.is_running
