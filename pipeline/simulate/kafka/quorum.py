"""Three nodes on one machine: three copies of everything, of which two must be written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline.domain.secret import Secret
from pipeline.simulate.kafka.jars import Say, fetch_jars
from pipeline.simulate.kafka.listeners import Listener
from pipeline.simulate.kafka.node import Node
from pipeline.simulate.kafka.ports import Ports
from pipeline.simulate.kafka.seat import Seat, new_cluster_id
from pipeline.simulate.kafka.tls import Certificates

NUMBERS: Final = (1, 2, 3)


class Quorum:
    """Nodes 1, 2 and 3, each broker and controller; `with` starts them, and stops them at the end.

    Any one may be stopped, killed and resumed through `nodes[number]`: the other two go on.
    `listeners` gives each node its own, so that a proxy may stand before each.
    """

    def __init__(
        self,
        folder: Path,
        *,
        listeners: Callable[[int], Sequence[Listener]] = lambda _: (),
        users: Mapping[str, Secret] | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self._ports = Ports()
        cluster_id = new_cluster_id()
        voters = {number: self._ports.reserve() for number in NUMBERS}
        self.nodes = {
            number: Node(
                folder / str(number),
                listeners=listeners(number),
                users=users,
                certificates=certificates,
                seat=Seat(cluster_id, number, voters),
            )
            for number in NUMBERS
        }

    @property
    def bootstrap(self) -> str:
        """All three HOST:PORT, with commas between."""
        return ",".join(node.bootstrap for node in self.nodes.values())

    def start(self, say: Say = lambda _: None) -> None:
        """Start all, and wait until each knows all. Raises as `Node.start`."""
        fetch_jars(say)
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(Node.launch, self.nodes.values()))
        self.wait()

    def wait(self) -> None:
        """Return when every node answers and knows all. Raises NodeFailed."""
        for node in self.nodes.values():
            node.wait(brokers=len(self.nodes))

    def close(self) -> None:
        """Stop all, and give their ports back."""
        # At once: two that wait for a third to hand over to are two that wait in vain.
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(Node.close, self.nodes.values()))
        self._ports.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            for node in self.nodes.values():
                node.kill()
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)
