"""Connection: one request to a cluster, answered or refused in words.

It stands on aiokafka's client rather than on its admin client, which does not look at the codes
in responses, creates topics that it is asked to describe, and lacks IncrementalAlterConfigs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.topology.apply.errors import ClusterError, NoAnswer, said
from pipeline.topology.cluster import Cluster
from pipeline.topology.reach import reach

Options = Mapping[str, Any]
"""Keyword arguments of aiokafka's clients: `bootstrap_servers`, `security_protocol` and so on."""

REQUEST_TIMEOUT_MS: Final = 15_000
ATTEMPTS_MAX: Final = 20
BACKOFF_S: Final = 0.25

_FETCH: Final = 1
_NEEDED: Final = {_FETCH: 16, 44: 0, 22: 3, 26: 3, 28: 3, 9: 7}
"""Api key → version that a cluster must offer: Fetch v16 came with Apache Kafka 3.7 (KIP-951);
the others are what topics and transactions are made with.
"""

_FAULTS: Final = (errors.KafkaError, OSError, asyncio.TimeoutError)


class Connection:
    """Requests to any broker of a cluster, or to a certain one."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client

    async def ask(self, request: Any, doing: str, node: int | None = None) -> Any:
        """The response of a broker, any if `node` is None.

        A broker that cannot be reached is tried again, or another one. Raises ClusterError.
        """
        last: BaseException = errors.NodeNotReadyError()
        for _ in range(ATTEMPTS_MAX):
            chosen = self._client.get_random_node() if node is None else node
            try:
                if chosen is not None:
                    return await self._client.send(chosen, request)
            except (errors.NodeNotReadyError, errors.KafkaConnectionError) as error:
                last = error
            except _FAULTS as error:
                raise said(error, doing) from error
            await asyncio.sleep(BACKOFF_S)
        raise said(last, doing) from last

    async def metadata(
        self, topics: Sequence[str] | None, doing: str, node: int | None = None
    ) -> Any:
        """Metadata of topics, of all if None. It never creates one, as asking does by default."""
        chosen = None if topics is None else list(topics)
        request = MetadataRequest(chosen, allow_auto_topic_creation=False)
        return await self.ask(request, doing, node)

    async def check_versions(self) -> None:
        """Raises ClusterError where the brokers are older than Apache Kafka 3.7."""
        doing = "asking for its versions"
        found = await self.ask(ApiVersionRequest(), doing)
        offered = {key: most for key, _, most in found.api_versions}
        lacking = sorted(key for key, least in _NEEDED.items() if offered.get(key, -1) < least)
        if lacking:
            listed = ", ".join(f"{key} v{_NEEDED[key]}" for key in lacking)
            raise ClusterError(
                "this cluster is older than Apache Kafka 3.7, or is none: it lacks the requests "
                f"{listed}; Tocsin needs 3.7.1 or later"
            )


@asynccontextmanager
async def connected(options: Options) -> AsyncIterator[Connection]:
    """A connection to the cluster. Raises NoAnswer; `check_reach` would say why."""
    client = AIOKafkaClient(
        **{"request_timeout_ms": REQUEST_TIMEOUT_MS, "client_id": "tocsin-topology", **options}
    )
    try:
        try:
            await client.bootstrap()
        except _FAULTS as error:
            where = ", ".join(f"{host}:{port}" for host, port, _ in client.hosts)
            why = "`tocsin topology plan` says why"
            raise NoAnswer(f"no Kafka lets us in at {where}: {why}") from error
        yield Connection(client)
    finally:
        await client.close()


async def check_reach(cluster: Cluster) -> None:
    """Return when the cluster lets us in. Raises reach.Unreachable, saying what is in the way."""
    await reach(cluster, create_conn, MetadataRequest([]))
