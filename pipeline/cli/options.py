"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]
Url = Annotated[
    str,
    typer.Option(
        "--url", help="A running Tocsin; else TOCSIN_URL, else the one over the data folder."
    ),
]
Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder; else TOCSIN_DATA or tocsin-data.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="The topology.yaml; else TOCSIN_CONFIG or the built-in one."),
]
Author = Annotated[str, typer.Option("--by", help="Who says so; else the name you log in with.")]

TIME_HELP: Final = "2h (ago), 10:00, 2026-11-21T10:00 or RFC 3339"
