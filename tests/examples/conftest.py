"""One whole Tocsin on one Kafka for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.simulate.kafka import Node
from tests.examples.site import Site
from tests.kafka import require_kafka


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Started when the first test asks for it."""
    require_kafka()
    folder = tmp_path_factory.mktemp("site")
    with Node(folder / "kafka") as node:
        found = Site(node, folder)
        try:
            yield found
        finally:
            found.end()
