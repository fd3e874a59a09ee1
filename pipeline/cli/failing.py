"""Errors at the command line: a sentence on standard error and exit code 1, never a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def failing(command: Callable[P, R]) -> Callable[P, R]:
    """Say what Tocsin raised and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        import typer

        from pipeline.domain.errors import TocsinError

        try:
            return command(*args, **kwargs)
        except (TocsinError, OSError) as error:
            typer.echo(f"tocsin: {error}", err=True)
            raise typer.Exit(1) from None

    return run
