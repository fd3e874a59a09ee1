"""The rules of the past: the text of each topology.yaml that decided here, by its hash.

An exact replay runs every epoch under the rules of its time, so they are kept with the state.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from pipeline.domain.errors import UsageError
from pipeline.hosts.embedded.database import guarded

_PREFIX: Final = "topology:"


def keep(connection: sqlite3.Connection, topology_hash: str, text: str) -> None:
    """Keep the text of a topology.yaml under its hash; what is kept already stays."""
    with guarded():
        connection.execute(
            "INSERT OR IGNORE INTO facts VALUES (?, ?)", (_PREFIX + topology_hash, text)
        )


def kept(connection: sqlite3.Connection, topology_hash: str) -> str:
    """The text kept under a hash. Raises UsageError where there is none."""
    with guarded():
        row = connection.execute(
            "SELECT value FROM facts WHERE name = ?", (_PREFIX + topology_hash,)
        ).fetchone()
    if row is None:
        raise UsageError(
            f"the topology.yaml with the hash {topology_hash} is not kept here: its epochs cannot"
            " be run again; choose a later --from"
        )
    return str(row[0])
