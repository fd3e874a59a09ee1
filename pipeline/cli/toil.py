"""Start `tocsin worker --once`: settings and options to a running worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pipeline.app.working import Working, work_until_signalled
from pipeline.cli.applying import cluster_options
from pipeline.cli.rules import file_of, load_file
from pipeline.cli.starting import run_loop
from pipeline.hosts.faust.state.slot import Slot
from pipeline.observe.logs import configure
from pipeline.security.redaction import secrets_of
from pipeline.settings import read_settings
from pipeline.topology.apply.control import read_control


def begin(
    *, agents: Sequence[str], slot: str, data: Path | None, config: Path | None, is_dry: bool
) -> None:
    """Run until a signal. Raises TocsinError where it cannot begin or ends on its own."""
    settings = read_settings()
    options = cluster_options()
    topology, _ = load_file(file_of(config))
    known = [*secrets_of(topology)]
    if settings.kafka is not None and settings.kafka.password is not None:
        known.append(settings.kafka.password)
    configure(settings.log, secrets=known)
    control = asyncio.run(read_control(options, topology.app))
    folder = data or settings.data
    with Slot.open(folder, slot) if slot else Slot.any(folder) as held:
        working = Working(
            topology=topology,
            options=options,
            control=control,
            slot=held,
            agents=agents,
            events_url=settings.pagerduty_events_url,
            is_dry=is_dry,
            on_ready=lambda: print("ready", flush=True),
        )
        run_loop(work_until_signalled(working))
