"""`tocsin kafka`: a local Apache Kafka for development, without containers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Json

app = group("Run a local Apache Kafka for development: one node, one machine.")

Folder = Annotated[
    Path | None, typer.Option("--data", help="Its log is kept below, in `kafka`; else TOCSIN_DATA.")
]


@app.command()
@failing
def start(
    *,
    data: Folder = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="On 127.0.0.1; 0 is the kernel's choice.")
    ] = 9092,
) -> None:
    """Run Kafka until Ctrl-C. It needs Java 17 or newer, and at the first start Maven.

    What it holds is still there at the next start; to be rid of it, remove the folder.

    Exit codes: 0 it was stopped, 1 it could not start or ended by itself, 2 wrong usage.
    """
    from pipeline.cli.output import warn
    from pipeline.simulate.kafka.serving import serve

    folder = _folder(data)

    def ready(bootstrap: str) -> None:
        print(f"export TOCSIN_KAFKA_BOOTSTRAP={bootstrap}", flush=True)
        warn(f"Kafka runs, its log is in {folder}; Ctrl-C stops it")

    serve(folder, port=port, say=warn, ready=ready)


@app.command()
@failing
def demo(
    *,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; port 0 is the kernel's choice. Else TOCSIN_LISTEN.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="It has a folder of its own below; else TOCSIN_DATA.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="2 waits half as long.")] = 1.0,
) -> None:
    """Play the storm of `tocsin run --demo` on a Kafka, an edge and a worker of its own.

    It needs what `start` needs. Ctrl-C ends all of it; nothing leaves this machine.

    Exit codes: 0 it was stopped, 1 it could not begin or a part of it ended, 2 wrong usage.
    """
    from pipeline.cli.starting import start_demo

    start_demo(listen=listen, data=data, speed=speed, is_on_kafka=True)


@app.command()
@failing
def fetch(*, as_json: Json = False) -> None:
    """Fetch what `start` needs, so that it needs no network then, and no Maven.

    Exit codes: 0 all is there, 1 it could not be had, or there is no Java 17.
    """
    from pipeline.cli.output import emit_json, warn
    from pipeline.simulate.kafka.jars import fetch_jars, find_java

    java, jars = find_java(), fetch_jars(warn)
    if as_json:
        emit_json({"java": str(java), "jars": str(jars)})
    else:
        print(f"{java} and {jars}")


@app.command()
@failing
def status(*, data: Folder = None, as_json: Json = False) -> None:
    """Say whether the local Kafka runs, and where.

    Exit codes: 0 it answers, 1 it does not run or does not answer.
    """
    from pipeline.cli.addresses import address
    from pipeline.cli.output import emit_json
    from pipeline.simulate.kafka.place import look
    from pipeline.simulate.kafka.probe import brokers_at

    folder = _folder(data)
    running = look(folder)
    bootstrap = running.bootstrap if running else ""
    try:
        is_answering = bool(bootstrap) and brokers_at(*address(bootstrap)) > 0
    except OSError:
        is_answering = False
    if as_json:
        emit_json({"is_answering": is_answering, "bootstrap": bootstrap, "folder": str(folder)})
    elif is_answering:
        print(f"export TOCSIN_KAFKA_BOOTSTRAP={bootstrap}")
    elif running:
        print(f"It is there (process {running.pid}), but does not answer: see {folder}/node.log")
    else:
        print(f"No local Kafka runs in {folder}: `tocsin kafka start` starts one")
    if not is_answering:
        raise typer.Exit(1)


@app.command()
@failing
def stop(*, data: Folder = None, as_json: Json = False) -> None:
    """Stop the local Kafka that another terminal runs.

    Exit codes: 0 it does not run any more, or never did, 1 it could not be stopped.
    """
    from pipeline.cli.output import emit_json
    from pipeline.simulate.kafka.place import end

    folder = _folder(data)
    was_running = end(folder)
    if as_json:
        emit_json({"was_running": was_running})
    else:
        print("Kafka has stopped" if was_running else f"No local Kafka runs in {folder}")


def _folder(data: Path | None) -> Path:
    from pipeline.settings import read_settings

    return (data or read_settings().data) / "kafka"
