"""Edge and worker over TLS and SASL: what is accepted comes out once, and nobody else gets in."""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.codec import decode
from pipeline.domain.errors import Busy
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.appender import KafkaAppender
from pipeline.hosts.faust.client.errors import Unreachable
from pipeline.hosts.faust.reader import KafkaLog
from pipeline.hosts.faust.worker import Worker
from pipeline.simulate.kafka import Certificates, Listener, Node
from pipeline.topology.cluster import Cluster, client_options
from tests.hosts.faust.stream.crew import Crew, Seen, is_exact
from tests.kafka import require_kafka
from tests.wait import wait_until_async

COUNT = 300
PASSWORD = "correct-horse"
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
"""TLS says goodbye before it closes; the loop of a thread that ends does not wait for that."""

LISTENERS = {
    "both": Listener("BOTH", "sasl_ssl"),
    "proven": Listener("PROVEN", "ssl", asks_certificate=True),
}


class Site:
    """A node that is closed to strangers, and the ways into it."""

    def __init__(self, node: Node, certificates: Certificates) -> None:
        self.node = node
        self._certificates = certificates

    def cluster(self, way: str, password: str = PASSWORD) -> Cluster:
        """How to get in: by name and password over TLS, or by a certificate."""
        given = self._certificates
        bootstrap = self.node.bootstrap_of(LISTENERS[way].name)
        if way == "proven":
            return Cluster(
                bootstrap=bootstrap,
                security="ssl",
                ca=given.ca,
                certificate=given.certificate,
                key=given.key,
            )
        return Cluster(
            bootstrap=bootstrap,
            security="sasl_ssl",
            mechanism="SCRAM-SHA-512",
            username="tocsin",
            password=Secret(password),
            ca=given.ca,
        )

    def stranger(self, way: str) -> Cluster:
        """One who trusts the cluster, and has a wrong password or no certificate."""
        if way == "both":
            return self.cluster(way, "wrong-horse")
        bootstrap = self.node.bootstrap_of(LISTENERS[way].name)
        return Cluster(bootstrap=bootstrap, security="ssl", ca=self._certificates.ca)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require_kafka()
    folder = tmp_path_factory.mktemp("closed")
    certificates = Certificates(folder / "tls")
    with Node(
        folder / "node",
        listeners=list(LISTENERS.values()),
        users={"tocsin": Secret(PASSWORD)},
        certificates=certificates,
    ) as node:
        yield Site(node, certificates)
    gc.collect()  # here, where what is left open is forgiven, and not in a test that comes later


@pytest.fixture
def crew(site: Site, tmp_path: Path) -> Crew:
    return Crew(site.node.bootstrap, f"closed-{secrets.token_hex(4)}", tmp_path)


@asynccontextmanager
async def edge(options: Mapping[str, Any], crew: Crew) -> AsyncIterator[tuple[Any, KafkaLog]]:
    """What an edge writes with, and what it reads with."""
    appender = KafkaAppender(options, {crew.reads: 0}, Clock().now_ms)
    log = KafkaLog(options, [crew.out])
    try:
        await asyncio.gather(appender.start(), log.start())
        yield appender, log
    finally:
        await appender.stop()
        await log.stop()


def events(crew: Crew, start: int) -> list[Output]:
    return [
        Output(topic=crew.reads, key=f"k{number % 7}", value=b"v%d" % number)
        for number in range(start, start + COUNT)
    ]


class Taker:
    """Takes all that comes, as the view of an edge does."""

    def __init__(self, log: KafkaLog, topic: str) -> None:
        self._log, self._topic = log, topic
        self._offsets = dict.fromkeys(log.partitions(topic), 0)
        self.found: list[Seen] = []

    def take(self) -> int:
        """Once; how many there are by now."""
        for partition, offset in self._offsets.items():
            for record in self._log.read(self._topic, partition, offset, 100):
                self._offsets[partition] = record.offset + 1
                self.found.append(decode(Seen, record.value or b""))
        return len(self.found)


@pytest.mark.parametrize("way", LISTENERS)
async def test_what_comes_in_goes_out_once(site: Site, crew: Crew, way: str) -> None:
    crew.options = client_options(site.cluster(way))
    async with edge(crew.options, crew) as (appender, log):
        taker = Taker(log, crew.out)
        assert len(await appender.append(events(crew, 0))) == COUNT
        async with crew.working("one"):
            await crew.wait_for(COUNT)
        await appender.append(events(crew, COUNT))
        # Another slot fences the first, and restores its state, on the same way in.
        async with crew.working("two"):
            found = await crew.wait_for(2 * COUNT)
        await wait_until_async(lambda: taker.take() >= 2 * COUNT, what="the edge has read all")
    assert len(found) == 2 * COUNT
    assert is_exact(found)
    assert sorted(seen.value for seen in found) == sorted(f"v{n}" for n in range(2 * COUNT))
    assert sorted(taker.found, key=repr) == sorted(found, key=repr)


@pytest.mark.parametrize("way", LISTENERS)
async def test_a_stranger_is_refused_and_told_where_to_look(
    site: Site, crew: Crew, way: str
) -> None:
    crew.options = client_options(site.stranger(way))
    worker = Worker(crew.setting("one"), [crew.agent], Clock().now_ms)
    with pytest.raises(Unreachable, match="TOCSIN_KAFKA_BOOTSTRAP") as caught:
        await worker.start()
    await worker.stop()
    assert "horse" not in f"{caught.value!r} {caught.value.__cause__!r}"
    with pytest.raises(Busy, match="Kafka"):
        async with edge(crew.options, crew):
            pytest.fail("it was let in")
    assert await crew.outputs() == []
