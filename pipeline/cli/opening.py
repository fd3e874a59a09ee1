"""Start `tocsin serve`: settings and options to a running edge on Kafka."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from pipeline.app.serve import KafkaEdge, OnKafka
from pipeline.app.serving import Serving, serve_until_signalled
from pipeline.cli.addresses import guarded_address, listening
from pipeline.cli.applying import cluster_options
from pipeline.cli.rules import file_of, load_file
from pipeline.cli.starting import reload_file, run_loop
from pipeline.hosts.embedded.folder import Folder
from pipeline.observe.logs import configure
from pipeline.security.redaction import secrets_of
from pipeline.settings import read_settings
from pipeline.topology.apply.control import read_control


def open_edge(*, listen: str, data: Path | None, config: Path | None) -> None:
    """Run until a signal. Raises TocsinError where it cannot begin."""
    # A reload asked for before there is anything to reload must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = read_settings()
    path = file_of(config)
    topology, _ = load_file(path)
    known = [*secrets_of(topology), *([settings.token] if settings.token else [])]
    if settings.kafka is not None and settings.kafka.password is not None:
        known.append(settings.kafka.password)
    configure(settings.log, secrets=known)
    host, port = guarded_address(listen or settings.listen, has_token=settings.token is not None)
    options = cluster_options()
    edge = KafkaEdge(
        OnKafka(
            topology=topology,
            options=options,
            control=asyncio.run(read_control(options, topology.app)),
            folder=Folder(data or settings.data),
            events_url=settings.pagerduty_events_url,
        )
    )
    serving = Serving(
        behind=edge,
        host=host,
        port=port,
        token=settings.token,
        reload=lambda: reload_file(path),
        on_ready=lambda url: print(f"ready {url}", flush=True),
    )
    with listening(f"{host}:{port}"):
        run_loop(serve_until_signalled(serving))
