"""What commands write: JSON for programs, rich text for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH: Final = 160
"""Columns where standard output is no terminal, so that little is cut."""

SEVERITY_STYLE: Final = {
    "critical": "bold red",
    "error": "red",
    "warning": "yellow",
    "info": "blue",
    "unknown": "dim",
}
STATUS_STYLE: Final = {
    "triggered": "bold red",
    "acknowledged": "yellow",
    "resolved": "green",
    "firing": "red",
}
RESULT_STYLE: Final = {
    "delivered": "green",
    "refused": "bold red",
    "dropped": "dim",
    "collapsed": "dim",
    "ambiguous": "yellow",
    "on its way": "dim",
    "not delivered yet": "red",
}
STATUS_MARK: Final = {"triggered": "●", "acknowledged": "◐", "resolved": "✔"}


def emit_json(value: Any) -> None:
    """One JSON document to standard output, indented."""
    import msgspec

    raw = msgspec.json.encode(value)
    sys.stdout.write(msgspec.json.format(raw, indent=2).decode() + "\n")
    sys.stdout.flush()


def emit_line(value: Any) -> None:
    """One JSON document on one line: for a stream of them."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def console() -> Console:
    """Standard output for people."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(highlight=False, width=width, emoji=False)


def warn(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def plain_table(*columns: str) -> Table:
    """A table without lines but one under its head."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        made.add_column(column)
    return made


def styled(text: str, styles: dict[str, str]) -> str:
    """A word in its colour, as rich markup."""
    style = styles.get(text, "")
    return f"[{style}]{text}[/]" if style else safe(text)


def counted(count: int, thing: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def chosen(option: str, text: str, known: tuple[str, ...]) -> str:
    """Words with commas as a filter, `any` as none. Raises UsageError for one that is not known."""
    from pipeline.domain.errors import UsageError

    for word in filter(None, (part.strip() for part in text.split(","))):
        if word not in (*known, "any"):
            raise UsageError(f"{option} {word!r} is none of {', '.join(known)}, any")
    return "" if text == "any" else text


def safe(text: str) -> str:
    """Foreign text in rich markup: brackets are no markup, control characters do nothing."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else " " for c in text))


def first(text: str, width: int) -> str:
    """At most so many characters of a text, marked where it was cut."""
    return text if len(text) <= width else text[: width - 1] + "…"
