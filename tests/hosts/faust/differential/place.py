"""Place: a node of our own on which one topology after the other finds its topics new and empty.

Topics have the names that topology.yaml gives them, so no other cluster than one of the tests' own
will do: the topics of the former story are deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.simulate.kafka import Node
from pipeline.topology.declared import Topology
from pipeline.topology.desired import desired
from tests.wait import wait_until

WITHIN_S: Final = 30.0

FOR_VIRTUAL_TIME: Final[Mapping[str, str]] = {
    "retention.ms": "-1",
    "message.timestamp.after.max.ms": str(2**62),
}
"""Records have the time of a clock that is moved by hand, which the broker takes for years ago."""


class Place:
    """One node. `with` starts it, and stops it at the end."""

    def __init__(self, folder: Path) -> None:
        self._node = Node(folder)
        self._topics: list[str] = []

    def __enter__(self) -> Self:
        self._node.__enter__()
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        return self

    def __exit__(self, *_: object) -> None:
        self._node.close()

    @property
    def bootstrap(self) -> str:
        """Where the node answers."""
        return self._node.bootstrap

    def clear(self, topics: Iterable[str]) -> None:
        """Delete what was there; these are there from now on, whoever makes them."""
        if self._topics:
            for future in self._admin.delete_topics(self._topics).values():
                future.result(WITHIN_S)
        self._topics = list(topics)

    def begin(self, topology: Topology) -> list[str]:
        """Delete what was there, and make all that the topology needs; the names of it."""
        wanted = desired(topology, replication=1).topics
        self.clear(wanted)
        made = [
            NewTopic(name, topic.partitions, 1, config={**topic.settings, **FOR_VIRTUAL_TIME})
            for name, topic in wanted.items()
        ]
        for future in self._admin.create_topics(made).values():
            future.result(WITHIN_S)
        wait_until(self._have_leaders, what="every partition has a leader", deadline_s=WITHIN_S)
        return self._topics

    def _have_leaders(self) -> bool:
        known = self._admin.list_topics(timeout=WITHIN_S).topics
        return all(
            name in known and all(one.leader >= 0 for one in known[name].partitions.values())
            for name in self._topics
        )
