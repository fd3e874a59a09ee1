"""`tocsin topology`: check the declaration, document it, and bring a Kafka cluster to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Json

app = group("Check topology.yaml, document it, and bring a Kafka cluster to it.")

File = Annotated[
    Path | None, typer.Argument(help="The file; else TOCSIN_CONFIG or the built-in one.")
]

Replication = Annotated[
    int, typer.Option(min=0, max=9, help="Replicas instead of what the file says; 0: as it says.")
]


@app.command()
@failing
def lint(file: File = None, *, as_json: Json = False) -> None:
    """Say everything that is wrong with a file, at once: file, line, path, reason, hint.

    Exit codes: 0 it can be run, also with warnings, 1 there are complaints.
    """
    from pipeline.cli.output import counted, emit_json
    from pipeline.cli.rules import file_of, lint_file
    from pipeline.topology.complaint import TopologyError

    path = file_of(file)
    try:
        checked = lint_file(path)
        complaints, topology = checked.complaints, checked.topology
    except TopologyError as error:
        complaints, topology = error.complaints, None
    if as_json:
        emit_json({"is_valid": topology is not None, "complaints": complaints})
    else:
        for complaint in complaints:
            print(complaint.render())
        if topology is not None:
            warned = f", {counted(len(complaints), 'warning')}" if complaints else ""
            print(f"{path}: good{warned} (hash {topology.hash})")
    if topology is None:
        raise typer.Exit(1)


@app.command()
@failing
def docs(
    file: File = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write into this folder, not to the screen.")
    ] = None,
    only: Annotated[
        str, typer.Option(help="One of asyncapi.yaml, stream.md, topology-reference.md.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write AsyncAPI 3, the picture and table of the stream, and what a file may hold."""
    from pipeline.cli.output import emit_json
    from pipeline.cli.rules import file_of, sound_file
    from pipeline.domain.errors import UsageError
    from pipeline.topology.docs import read_schemas, render_docs
    from pipeline.topology.locate import locate

    documents = render_docs(sound_file(file_of(file)), read_schemas(locate("schemas")))
    if only and only not in documents:
        raise UsageError(f"there is no document {only!r}; there are {', '.join(documents)}")
    chosen = {name: text for name, text in documents.items() if only in ("", name)}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in chosen.items():
            (out / name).write_text(text, encoding="utf-8")
    if as_json:
        emit_json(chosen if out is None else {"written": [str(out / name) for name in chosen]})
    elif out is None:
        print("\n".join(chosen.values()).rstrip("\n"))
    else:
        print("\n".join(str(out / name) for name in chosen))


@app.command()
@failing
def plan(file: File = None, *, replication: Replication = 0, as_json: Json = False) -> None:
    """Say what `apply` would do to the Kafka cluster, and at what risk; change nothing.

    Exit codes: 0 nothing to do, 2 there is a plan, 1 it did not work.
    """
    from pipeline.cli.applying import cluster_options, planned, show
    from pipeline.cli.rules import file_of, sound_file

    topology = sound_file(file_of(file))
    found = planned(cluster_options(), topology, replication)
    show(found, (), as_json=as_json)
    if found.is_needed:
        raise typer.Exit(2)


@app.command()
@failing
def apply(
    file: File = None,
    *,
    replication: Replication = 0,
    re_key: Annotated[
        bool, typer.Option("--re-key", help="Do what moves keys to other partitions or scopes.")
    ] = False,
    lose_history: Annotated[
        bool, typer.Option("--lose-history", help="Do what deletes records that are kept now.")
    ] = False,
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Destroy topics that are no longer declared.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the Kafka cluster to what the file declares, and let workers run it.

    Shows the plan and asks first. It may be interrupted and run again.
    """
    from pipeline.cli.applying import agreed, carry_out, cluster_options, planned, show
    from pipeline.cli.rules import file_of, sound_file
    from pipeline.topology.load import read
    from pipeline.topology.plan import done
    from pipeline.topology.risk import Risk

    path = file_of(file)
    topology, text = sound_file(path), read(path)
    given = {Risk.REKEYS: re_key, Risk.LOSES: lose_history, Risk.DESTROYS: destroy}
    allowed = [risk for risk, is_given in given.items() if is_given]
    options = cluster_options()
    found = planned(options, topology, replication)
    show(found, allowed, as_json=as_json)
    if not done(found.actions, allowed):
        return
    agreed(found, allowed, is_agreed=yes)
    carry_out(options, topology, text, found, replication, allowed)
