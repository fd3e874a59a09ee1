"""The command line. Each command imports what it needs in its body, so that help answers at once.

Exit codes: 0 done · 1 it did not work, the text says why · 2 wrong usage.
"""

from __future__ import annotations

import typer

from pipeline.cli import run, simulator

app = typer.Typer(
    name="tocsin",
    help="The alarm bell that rings once: alerts in, one page out, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("simulator")(simulator.simulator)
