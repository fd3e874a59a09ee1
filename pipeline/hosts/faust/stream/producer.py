"""Producer and Transactions: everything that is written goes through an epoch's commit.

Overrides of faust.transport.drivers.aiokafka.Producer and faust.transport.consumer (0.15.3):

* `Producer.on_start`, `on_stop` — one EpochProducer of this App alone; Faust keeps producers in a
  dictionary of the class, which all Apps of a process share.
* `Producer.send`, `send_and_wait`, `TransactionManager.send` — refused: outside an epoch they would
  be committed with whatever happens to be open, or not at all.
* `TransactionManager.on_rebalance`, `on_partitions_revoked`, `commit` — Faust begins and commits a
  transaction per partition here.
"""

from __future__ import annotations

from typing import Any, NoReturn, cast

from faust.transport import consumer as base
from faust.transport.drivers import aiokafka as driver

from pipeline.domain.errors import UsageError
from pipeline.hosts.faust.client.transactions import EpochProducer


class Producer(driver.Producer):
    """The producer service of an AgentApp."""

    epochs: EpochProducer

    async def on_start(self) -> None:
        """Take over this slot's transactional id: whoever held it is fenced from here on."""
        await self.add_runtime_dependency(self.buffer)
        app: Any = self.app
        setting = app.setting
        self.epochs = EpochProducer(
            setting.options,
            setting.transactional_id(app.definition.name),
            transaction_timeout_ms=setting.session_timeout_ms,
            request_bytes_max=setting.request_bytes_max,
        )
        await self.epochs.start()

    async def on_stop(self) -> None:
        """Let go of the connections; an open transaction was aborted before."""
        epochs = getattr(self, "epochs", None)
        if epochs is not None:
            await epochs.stop()

    async def flush(self) -> None:
        """Nothing: an epoch's commit ends with all of it written."""

    async def send(self, topic: str, *_: Any, **__: Any) -> NoReturn:
        """Raises UsageError: what an agent writes is an output of its task."""
        raise UsageError(f"{topic} is written in epochs only: emit it from a stage")

    async def send_and_wait(self, topic: str, *_: Any, **__: Any) -> NoReturn:
        """Raises UsageError, as `send`."""
        await self.send(topic)

    def send_soon(self, fut: Any) -> NoReturn:
        """Raises UsageError, as `send`."""
        raise UsageError(f"{fut.message.channel} is written in epochs only: emit it from a stage")


class Transactions(base.TransactionManager):
    """Faust's hooks around rebalances and commits, which have nothing left to do."""

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing: the consumer let the open epoch end."""

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any) -> None:
        """Nothing: the takeover fences and restores, outside the join."""

    async def commit(self, offsets: Any, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002
        """Nothing: offsets are committed by an epoch's transaction alone."""
        return False

    async def send(self, topic: str, *arguments: Any, **options: Any) -> NoReturn:
        """Raises UsageError, as Producer.send."""
        await cast("Producer", self.producer).send(topic)
