"""Front: the App that `faust -A pipeline.app` finds.

It shows the agents and tables of all AgentApps to Faust's own commands, and its worker runs what
`tocsin worker` runs. Overrides of faust.app.base.App (0.15.3): `BootStrategy`,
`_wait_for_table_recovery_completed` and `_create_directories` (it keeps nothing on the disk).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy
from mode import Service

from pipeline.engine import Agent
from pipeline.hosts.faust.stream.app import BROKER, BatchTopic, declare
from pipeline.hosts.faust.stream.tables import TaskTable, TaskTables
from pipeline.hosts.faust.worker import Worker

Opening = Callable[[], AbstractAsyncContextManager[Worker]]
"""Starts a worker, and stops it at the end of the block."""


class Labour(Service):
    """Runs a worker as a service of Faust's."""

    def __init__(self, opening: Opening, **options: Any) -> None:
        self._opening = opening
        super().__init__(**options)

    async def on_start(self) -> None:
        """Ends when each agent has its first assignment."""
        self._worker = await self.add_async_context(self._opening())

    @Service.task
    async def _watch(self) -> None:
        """A part of the worker that ends on its own ends all of it."""
        await self._worker.ended


class FrontBoot(BootStrategy):
    """Nothing of Faust's own is started: each AgentApp has its own."""

    def server(self) -> Iterable[Any]:
        """The worker with all agents."""
        front: Any = self.app
        return [Labour(front.opening, loop=front.loop, beacon=front.beacon)]


class Front(faust.App):
    """All agents and tables of one application; `folder` is where its workers keep theirs."""

    BootStrategy = FrontBoot

    def __init__(
        self, app: str, definitions: Sequence[Agent], folder: Path, opening: Opening
    ) -> None:
        self.opening = opening
        super().__init__(
            app,
            broker=BROKER,
            datadir=str(folder),
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            Topic=BatchTopic,
            TableManager=TaskTables,
            Table=TaskTable,
        )
        for definition in definitions:
            declare(self, definition)

    def _create_directories(self) -> None:
        """None: Faust would make `<app>-data` in the working directory."""

    async def _wait_for_table_recovery_completed(self) -> bool:
        """Its own tables hold nothing: those of the AgentApps were restored when they started."""
        return False
