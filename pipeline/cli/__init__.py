"""The command line. Each command is imported when it is called, so that help answers at once.

Exit codes: 0 done · 1 it did not work, the text on standard error says why and what to do ·
2 wrong usage. With `--json` a command writes one JSON document to standard output and nothing
else there.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.commands import COMMANDS
from pipeline.cli.lazy import STYLE, Commands

_EPILOG = "Exit codes: 0 done, 1 it did not work (the text says why), 2 wrong usage."


class Tocsin(Commands):
    """The group of all commands."""

    table = COMMANDS


app = typer.Typer(
    name="tocsin",
    cls=Tocsin,
    help="The alarm bell that rings once: alerts in, one page out, with proof.",
    epilog=_EPILOG,
    **{**STYLE, "add_completion": True},
)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"tocsin {version('tocsin')}")
        raise typer.Exit


@app.callback()
def _tocsin(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    pass
