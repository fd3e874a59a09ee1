"""A worker of the crew that ends at once on an event `die`, and well after so many outputs.

`python -m tests.hosts.faust.stream.dying BOOTSTRAP APP FOLDER OUTPUTS`
"""

import asyncio
import os
import sys
from pathlib import Path

from pipeline.domain.raw import RawAlert
from pipeline.domain.stage import Context
from pipeline.engine import Agent
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.state.slot import Slot
from pipeline.hosts.faust.worker import Worker
from tests.hosts.faust.stream.crew import Crew, Tally

DIED = 9


class Dying(Tally):
    """A Tally that one event kills."""

    def process(self, event: RawAlert, ctx: Context) -> None:
        """As Tally, but for `die`."""
        if event.value == b"die":
            os._exit(DIED)
        super().process(event, ctx)


async def work(bootstrap: str, app: str, folder: Path, outputs: int) -> None:
    """Until so many outputs are there."""
    crew = Crew(bootstrap, app, folder, is_made=False)
    agent = Agent(
        name="tally", stages=(Dying(crew.out),), reads={crew.reads: RawAlert}, writes=(crew.out,)
    )
    with Slot(folder / "one") as slot:
        worker = Worker(crew.setting("one"), [agent], Clock().now_ms, slot)
        await worker.start()
        await crew.wait_for(outputs)
        await worker.stop()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
    os._exit(0)
