"""Three nodes: whichever one dies, the other two go on, and it comes back."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka.admin import AdminClient

from pipeline.simulate.kafka import Quorum
from tests.kafka import require_kafka
from tests.simulate.kafka.records import make_topic, read, write


def test_two_of_three_go_on_and_the_third_comes_back(tmp_path: Path) -> None:
    require_kafka()
    with Quorum(tmp_path) as quorum:
        make_topic(quorum.bootstrap, "kept", partitions=3)
        described = AdminClient({"bootstrap.servers": quorum.bootstrap}).list_topics(
            "kept", timeout=30
        )
        copies = [sorted(one.replicas) for one in described.topics["kept"].partitions.values()]
        assert copies == [[1, 2, 3]] * 3
        write(quorum.bootstrap, "kept", b"three")
        quorum.nodes[1].kill()
        write(quorum.bootstrap, "kept", b"two")
        quorum.nodes[1].resume()
        quorum.wait()
        quorum.nodes[2].stop()
        write(quorum.bootstrap, "kept", b"two again")
        assert sorted(read(quorum.bootstrap, "kept", 3)) == [b"three", b"two", b"two again"]
