"""A group of commands that imports a command when it is called, not when it is listed."""

from __future__ import annotations

from importlib import import_module
from itertools import groupby
from typing import Any, ClassVar, Final, NamedTuple, cast

import typer
from typer.core import TyperGroup

STYLE: Final[dict[str, Any]] = {
    "add_completion": False,
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    # Help without rich: importing that alone takes longer than help may.
    "rich_markup_mode": None,
}


class Entry(NamedTuple):
    """One command: `module:name` below this package, the heading of its list, one sentence."""

    target: str
    heading: str
    says: str


class Commands(TyperGroup):
    """A group whose commands stand in `table`."""

    table: ClassVar[dict[str, Entry]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now; None where there is none."""
        entry = self.table.get(cmd_name)
        return None if entry is None else load(cmd_name, entry.target)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As the group does it, with the names at hand for `did you mean`."""
        self.commands = cast("Any", dict.fromkeys(self.table))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Names that begin so, without importing what is behind them; then options."""
        from typer._click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=entry.says)
            for name, entry in self.table.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of `--help`, under its headings."""
        for heading, entries in groupby(self.table.items(), key=lambda one: one[1].heading):
            with formatter.section(heading):
                formatter.write_dl([(name, entry.says) for name, entry in entries])


def load(name: str, target: str) -> Any:
    """Import a command or a group of them. Raises ImportError or AttributeError: a bug."""
    module, _, attribute = target.partition(":")
    found = getattr(import_module(f"pipeline.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(**{**STYLE, "no_args_is_help": False})
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


def group(says: str) -> typer.Typer:
    """A group of commands in one module; it stays a group when it has one command only."""
    made = typer.Typer(help=says, **STYLE)
    made.callback()(lambda: None)
    return made
