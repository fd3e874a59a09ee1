"""`tocsin topology`: check the declaration, and write the documents that follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Json

app = group("Check topology.yaml, and write the documents that follow from it.")

File = Annotated[
    Path | None, typer.Argument(help="The file; else TOCSIN_CONFIG or the built-in one.")
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
