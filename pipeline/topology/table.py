"""Table: rows of text with a title, and how they are written in markdown."""

from __future__ import annotations

from msgspec import Struct


class Table(Struct, frozen=True, kw_only=True):
    """Every row has as many cells as there are `heads`; `lead` is a sentence above them."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lead: str = ""


def render_markdown(table: Table, level: int = 2) -> str:
    """The table under a heading of that level; a table without rows is its lead alone."""
    lines = [f"{'#' * level} {table.title}", ""]
    if table.lead:
        lines += [table.lead, ""]
    if table.rows:
        lines.append(_row(table.heads))
        lines.append(_row(("---",) * len(table.heads)))
        lines += [_row(row) for row in table.rows]
        lines.append("")
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(_cell(each) for each in cells)} |"


def _cell(text: str) -> str:
    # A bar ends the cell even inside code, so it is escaped everywhere.
    return " ".join(text.split()).replace("|", "\\|")
