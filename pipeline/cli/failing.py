"""Errors at the command line: a sentence on standard error and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

FAILED: Final = 1
WRONG_USAGE: Final = 2


@contextlib.contextmanager
def naming(place: Path) -> Iterator[None]:
    """Have an error say which file it is about, where it says no path at all. Raises StoreError."""
    from pipeline.domain.errors import StoreError

    try:
        yield
    except StoreError as error:
        if os.sep in str(error) or str(place) in str(error):
            raise
        raise StoreError(f"{place}: {error}") from error


def failing(command: Callable[P, R]) -> Callable[P, R]:
    """Say what Tocsin raised; exit with 2 for wrong usage and 1 for what did not work."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        import typer

        from pipeline.domain.errors import TocsinError, UsageError

        try:
            return command(*args, **kwargs)
        except UsageError as error:
            typer.echo(f"tocsin: {error}", err=True)
            raise typer.Exit(WRONG_USAGE) from None
        except BrokenPipeError:
            # Whoever read our output has enough; Python must not complain when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except (TocsinError, OSError) as error:
            typer.echo(f"tocsin: {error}", err=True)
            raise typer.Exit(FAILED) from None

    return run
