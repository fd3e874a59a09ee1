"""Questions to the view: filters become SQL, rows become the domain's values."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from pipeline.domain.incident import Incident
from pipeline.edge.view.cursor import Key, read_cursor, write_cursor
from pipeline.edge.view.rows import FOLLOWED, PAGES, between

T = TypeVar("T")

LIMIT_MAX: Final = 500
_decoders: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    topic: msgspec.msgpack.Decoder(kind) for topic, kind in FOLLOWED.items()
}


class Page(Struct, Generic[T], frozen=True):
    """Some rows of a list, and the cursor of the next ones: None at the end."""

    rows: list[T]
    next: str | None


class IncidentFilter(Struct, frozen=True, kw_only=True):
    """Which incidents: empty is any. `q` are words that must all occur; instants are those of
    the opening, `since_ms` included and `until_ms` not. Tests stand apart from what is real.
    """

    tenant: str = ""
    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    service: str = ""
    scope_id: str = ""
    is_muted: bool | None = None
    is_test: bool = False
    q: str = ""
    since_ms: int = 0
    until_ms: int = 0


class EntryFilter(Struct, frozen=True, kw_only=True):
    """Which entries of one topic: empty is any. `word` is the result of a receipt, the action
    of a notification, the reason of a dead letter; `is_redriven` is asked of dead letters only.
    """

    tenant: str = ""
    incident_id: str = ""
    receiver: str = ""
    word: str = ""
    ref: str = ""
    is_redriven: bool | None = None


Where = list[tuple[str, Sequence[Any]]]


def incidents(
    connection: sqlite3.Connection, wanted: IncidentFilter, limit: int, cursor: str
) -> Page[Incident]:
    """Incidents, the latest opened first. Raises ValueError on a foreign cursor."""
    where: Where = [("is_test = ?", (int(wanted.is_test),))]
    for column, value in (("tenant", wanted.tenant), ("scope_id", wanted.scope_id)):
        if value:
            where.append((f"{column} = ?", (value,)))
    for column, values in (("status", wanted.statuses), ("severity", wanted.severities)):
        if values:
            where.append((f"{column} IN ({','.join('?' * len(values))})", values))
    if wanted.service:
        where.append(("instr(services, ?)", (between([wanted.service]),)))
    if wanted.is_muted is not None:
        where.append(("is_muted = ?", (int(wanted.is_muted),)))
    where += [("instr(words, ?)", (word,)) for word in wanted.q.casefold().split()]
    if wanted.since_ms:
        where.append(("opened_at_ms >= ?", (wanted.since_ms,)))
    if wanted.until_ms:
        where.append(("opened_at_ms < ?", (wanted.until_ms,)))
    if cursor:
        where.append(("(opened_at_ms, incident_id) < (?, ?)", read_cursor(cursor)))
    found = _select(
        connection,
        "SELECT value, opened_at_ms, incident_id FROM incidents",
        where,
        "ORDER BY opened_at_ms DESC, incident_id DESC",
        limit,
    )
    return _page(found, limit, "incidents", lambda row: (row[1], row[2]))


def incident(connection: sqlite3.Connection, incident_id: str) -> Incident | None:
    """One incident as it now is."""
    found = connection.execute(
        "SELECT value FROM incidents WHERE incident_id = ?", (incident_id,)
    ).fetchone()
    return None if found is None else _decoders["incidents"].decode(found[0])


def entries(
    connection: sqlite3.Connection, topic: str, wanted: EntryFilter, limit: int, cursor: str = ""
) -> Page[Any]:
    """Entries of one topic, the latest first. Raises ValueError on a foreign cursor."""
    where: Where = [("topic = ?", (topic,))]
    for column in ("tenant", "incident_id", "receiver", "word", "ref"):
        value = getattr(wanted, column)
        if value:
            where.append((f"{column} = ?", (value,)))
    if wanted.is_redriven is not None:
        where.append(("(ref IN (SELECT ref FROM redriven)) = ?", (int(wanted.is_redriven),)))
    if cursor:
        at_ms, place = read_cursor(cursor)
        partition, _, position = place.partition(":")
        if not (partition.isdigit() and position.isdigit() and len(place) < 30):
            raise ValueError("no cursor of this list: take the one that `next` gave")
        where.append(
            ("(at_ms, partition, position) < (?, ?, ?)", (at_ms, int(partition), int(position)))
        )
    found = _select(
        connection,
        "SELECT value, at_ms, partition, position FROM entries",
        where,
        "ORDER BY at_ms DESC, partition DESC, position DESC",
        limit,
    )
    return _page(found, limit, topic, lambda row: (row[1], f"{row[2]}:{row[3]}"))


def redriven_at_ms(connection: sqlite3.Connection, refs: Sequence[str]) -> dict[str, int]:
    """Dead letters that were redriven, by their ids, and when; at most LIMIT_MAX are asked for."""
    places = ",".join("?" * len(refs))
    found = connection.execute(f"SELECT ref, at_ms FROM redriven WHERE ref IN ({places})", refs)  # noqa: S608
    return dict(found.fetchall())


def _select(
    connection: sqlite3.Connection, select: str, where: Where, order: str, limit: int
) -> list[Any]:
    conditions = " AND ".join(condition for condition, _ in where)
    values = [value for _, given in where for value in given]
    text = f"{select} WHERE {conditions or '1'} {order} LIMIT ?"
    return connection.execute(text, (*values, limit + 1)).fetchall()


def _page(rows: list[Any], limit: int, topic: str, key_of: Any) -> Page[Any]:
    decode = _decoders[topic].decode
    key: Key | None = key_of(rows[limit - 1]) if len(rows) > limit else None
    values = [decode(row[0]) for row in rows[:limit]]
    return Page(values, write_cursor(key) if key else None)


def things(connection: sqlite3.Connection, topic: str, tenant: str = "") -> list[Any]:
    """All values of one compacted topic by key; of one tenant if given."""
    text = "SELECT value FROM things WHERE topic = ? AND (? = '' OR tenant = ?) ORDER BY key"
    decode = _decoders[topic].decode
    return [decode(row[0]) for row in connection.execute(text, (topic, tenant, tenant))]


def thing(connection: sqlite3.Connection, topic: str, key: str) -> Any:
    """One value of a compacted topic, or None."""
    found = connection.execute(
        "SELECT value FROM things WHERE topic = ? AND key = ?", (topic, key)
    ).fetchone()
    return None if found is None else _decoders[topic].decode(found[0])


def counts(connection: sqlite3.Connection, tenant: str = "") -> dict[str, dict[str, int]]:
    """How many: incidents by status (and `muted`), all entries that ever were by their word."""
    found: dict[str, dict[str, int]] = {}
    mine = (tenant, tenant)
    rows = connection.execute(
        "SELECT status, count(*), sum(is_muted) FROM incidents"
        " WHERE is_test = 0 AND (? = '' OR tenant = ?) GROUP BY status",
        mine,
    ).fetchall()
    found["incidents"] = {status: count for status, count, _ in rows}
    found["incidents"]["muted"] = sum(muted for _, _, muted in rows)
    for topic in ("notifications", "receipts", "dead-letters", PAGES):
        found[topic] = dict(
            connection.execute(
                "SELECT word, sum(count) FROM counts"
                " WHERE topic = ? AND (? = '' OR tenant = ?) GROUP BY word",
                (topic, *mine),
            ).fetchall()
        )
    return found
