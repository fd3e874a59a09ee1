"""Product: `tocsin worker`'s own loop with the crash tests' points around each call."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

from pipeline.app.working import Working, work_until_signalled
from pipeline.cli.rules import load_file
from pipeline.hosts.faust import points
from pipeline.hosts.faust.state.slot import Slot
from pipeline.topology.apply import read_control
from pipeline.wire.loop import DeliveryLoop
from tests.crash.kafka.crashing import Crashing, end_because, say
from tests.crash.kafka.start import Start


def name_calls() -> None:
    """Two points more: `calling` after a call's commit and before it begins, `called` between a
    receiver's answer and its commit.
    """
    start: Any = DeliveryLoop.start
    result: Any = DeliveryLoop._result

    def calling(self: Any, entry: Any) -> None:
        points.reached("calling")
        start(self, entry)

    def called(self: Any, *given: Any) -> Any:
        points.reached("called")
        return result(self, *given)

    loop: Any = DeliveryLoop
    loop.start, loop._result = calling, called


async def run_product(start: Start, crashing: Crashing) -> int:
    """Run until SIGTERM, or until the worker ends by itself."""
    name_calls()
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGUSR2, lambda: crashing.order(start.order.read_text(encoding="utf-8"))
    )
    say("starts")
    topology, _ = load_file(Path(start.topology))
    options = {"bootstrap_servers": start.bootstrap}
    control = await asyncio.to_thread(lambda: asyncio.run(read_control(options, start.app)))
    working = Working(
        topology=topology,
        options=options,
        control=control,
        slot=Slot(Path(start.folder)),
        events_url=start.events_url,
        on_ready=lambda: say("ready"),
    )
    try:
        await work_until_signalled(working)
    except Exception as error:  # noqa: BLE001  (crash only: say why, and end)
        end_because(error)
    return 0
