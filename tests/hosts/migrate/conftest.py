"""A node for migrations alone, since topics have fixed names, and the thread of their workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.kafka import require_kafka


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A node on which one topology after the other finds its topics empty."""
    require_kafka()
    with Place(tmp_path_factory.mktemp("migrate")) as found:
        yield found


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """The thread in which workers run."""
    with Loop() as found:
        yield found
