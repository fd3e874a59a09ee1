"""AgentApp: the Faust App of one agent, with its own group, producer and loop of epochs.

Overrides of faust.app.base.App (0.15.3): `_new_transport` and `_new_producer_transport` (ours),
`BootStrategy` (no leader election, no replies, no web server), `_on_agent_error` (an agent never
raises; if it does, the worker ends), `_stop_consumer` (the open epoch ends first), `_crash` (mode
notes that a service has crashed and leaves it at that).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, Protocol

import faust
from faust.app.base import BootStrategy

from pipeline.domain.stage import INCIDENTS
from pipeline.engine import Agent, Globals
from pipeline.engine.agent import INCIDENTS_TOPIC
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.standby import Standbys
from pipeline.hosts.faust.stream.commit import Committer
from pipeline.hosts.faust.stream.epochs import Epochs
from pipeline.hosts.faust.stream.hosted import CrashBook
from pipeline.hosts.faust.stream.tables import TaskTable, TaskTables
from pipeline.hosts.faust.stream.transport import Transport

BROKER: Final = "kafka://"
"""Faust wants one to show; clients are made from the Setting's options."""


class Shared(Protocol):
    """What the Apps of one process have in common."""

    @property
    def globals(self) -> Globals:
        """The globals as tasks look them up."""
        ...

    @property
    def crashes(self) -> CrashBook | None:
        """Who notes what runs; None: nobody does."""
        ...

    @property
    def standbys(self) -> Standbys | None:
        """Who keeps stores of others' tasks warm; None: nobody does."""
        ...

    async def keep_warm(self, agent: str, partitions: Collection[int]) -> None:
        """Keep the stores of these partitions of the agent warm, and no others of it."""
        ...

    def prepare(self) -> None:
        """Take in what was committed to the globals."""
        ...

    def now_ms(self) -> int:
        """The host's clock."""
        ...

    def fail(self, error: BaseException) -> None:
        """End the process with this error."""
        ...

    def revoked(self, agent: str) -> None:
        """The agent's tasks are given up."""
        ...


class BatchSchema(faust.Schema[Any, Any]):
    """Passes a message's Batch through: there is nothing to decode."""

    def compile(self, app: Any, **_: Any) -> Any:
        """The function that makes an event of a message."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, {}, message)

        return decode


class BatchTopic(faust.Topic):
    """The topics of an agent: one channel, since a batch holds records of all of them."""

    def get_topic_name(self) -> str:
        """Their names, for Faust's lists."""
        return ", ".join(self.topics)


class Boot(BootStrategy):
    """Starts what an agent needs, and nothing of Faust's that would write or elect."""

    enable_web = False

    def kafka_consumer(self) -> Iterable[Any]:
        """The consumer alone."""
        return [self.app.consumer]


class AgentApp(faust.App):
    """One agent inside Faust. `epochs` is its loop, `definition` the Agent itself."""

    BootStrategy = Boot
    in_worker = True

    def __init__(self, definition: Agent, setting: Setting, shared: Shared) -> None:
        self.definition = definition
        self.setting = setting
        self.shared = shared
        self._main = asyncio.get_running_loop()
        super().__init__(
            setting.group(definition.name),
            broker=BROKER,
            processing_guarantee="exactly_once",
            canonical_url=f"http://{setting.slot_id}",
            datadir=str(setting.folder / "faust"),
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            table_standby_replicas=setting.standbys,
            web_enabled=False,
            Topic=BatchTopic,
            TableManager=TaskTables,
            Table=TaskTable,
        )
        self.committer = Committer(self)
        self.epochs = Epochs(self.committer, shared.now_ms, setting.epoch_timeout_s)
        declare(self, definition)

    def fail(self, error: BaseException) -> None:
        """End the process: what is not committed is taken over by the next start. Any thread may
        say so.
        """
        self._main.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: BaseException) -> None:
        self.epochs.halt()
        self.shared.fail(error)

    def _crash(self, reason: BaseException) -> None:
        is_news = not self.should_stop
        super()._crash(reason)
        if is_news:
            self.fail(reason)

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        self.fail(exc)

    async def _stop_consumer(self) -> None:
        async with self.epochs.quiet():
            await super()._stop_consumer()

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)


def declare(app: faust.App, definition: Agent) -> None:
    """Declare an agent and its tables to Faust."""
    topic = app.topic(*definition.reads, schema=BatchSchema())
    app.agent(topic, name=definition.name)(_described(definition))
    owned = [(stage.name, spec) for stage in definition.stages for spec in stage.tables]
    if INCIDENTS_TOPIC in definition.writes:
        owned.append(("the end of the chain", INCIDENTS))
    for owner, spec in owned:
        help_ = f"{spec.type.__name__} by key; {owner} in {definition.name} owns it"
        app.Table(spec.name, help=help_)


def _described(definition: Agent) -> Callable[[Any], Any]:
    """The Faust agent: runs each batch that it is given."""

    async def run(batches: Any) -> None:
        async for batch in batches:
            batch.run()

    run.__name__ = run.__qualname__ = definition.name
    stages = " → ".join(stage.name for stage in definition.stages)
    run.__doc__ = f"{stages}, writes {', '.join(definition.writes)}"
    return run
