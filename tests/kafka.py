"""A Kafka that a test needs: one node for all tests of a run, or the cluster that somebody named.

TOCSIN_KAFKA_BOOTSTRAP names another one. Where neither can be had the test is skipped and says
why; where CI has installed what is needed it sets TOCSIN_REQUIRE_REAL=1, and then it fails.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.simulate.kafka import Node, NotInstalled, fetch_jars
from pipeline.simulate.kafka.jars import find_java


class Broker:
    """Where a Kafka answers, and names in it that nobody else uses."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def new_name(self, prefix: str) -> str:
        """A name for a topic, a group or a transactional id."""
        return f"{prefix}-{secrets.token_hex(4)}"


def require_kafka() -> None:
    """Skip, or fail, where this machine cannot run a node."""
    try:
        find_java()
        fetch_jars()
    except NotInstalled as error:
        if os.environ.get("TOCSIN_REQUIRE_REAL") == "1":
            pytest.fail(f"{error}, and TOCSIN_REQUIRE_REAL=1 forbids to skip")
        pytest.skip(str(error))


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """The named cluster, else a node of our own in the folder."""
    named = os.environ.get("TOCSIN_KAFKA_BOOTSTRAP")
    if named:
        yield Broker(named)
        return
    require_kafka()
    with Node(folder) as node:
        yield Broker(node.bootstrap)
