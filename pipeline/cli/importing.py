"""`tocsin import`: an alertmanager.yml becomes a topology.yaml."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.topology.alertmanager import Maintenance


@failing
def translate(
    file: Annotated[Path, typer.Argument(metavar="ALERTMANAGER_YML")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write there, instead of to the screen.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Write over a file that exists.")] = False,
    as_json: Json = False,
) -> None:
    """Translate Alertmanager's configuration; what does not come along is said on stderr.

    Exit codes: 0 translated, 1 the file is no alertmanager.yml.
    """
    from pipeline.cli.output import emit_json, warn
    from pipeline.domain.errors import StoreError
    from pipeline.topology.alertmanager import translate as translated
    from pipeline.topology.load import read

    if out is not None and out.exists() and not force:
        raise StoreError(f"{out} exists: name another file, or say --force")
    made = translated(read(file, "name the alertmanager.yml to translate"), str(file))
    if out is not None:
        out.write_text(made.text, encoding="utf-8")
    if as_json:
        emit_json(made)
        return
    for note in made.notes:
        warn(note.render())
    for maintenance in made.maintenances:
        warn(f"to mute by the calendar as before: {silence_line(maintenance)}")
    if out is None:
        print(made.text, end="")
    else:
        print(f"{out} is written; check it with `tocsin topology lint {out}`")


def silence_line(maintenance: Maintenance) -> str:
    """The `tocsin silence add` that makes a maintenance; people choose its end."""
    from pipeline.domain.units import Duration

    words = [
        *("tocsin", "silence", "add"),
        *("--rrule", maintenance.rrule),
        *("--for", str(Duration(maintenance.duration_ms))),
        *("--time-zone", maintenance.time_zone),
        *("--comment", maintenance.comment),
        *("--until", "2099-12-31"),
        *maintenance.matchers,
    ]
    return shlex.join(words)
