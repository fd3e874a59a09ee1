"""How many incidents are open, counted on the compacted topic `incidents`."""

from __future__ import annotations

from typing import Final

from pipeline.codec import DecodeError, decode
from pipeline.domain.incident import Incident
from pipeline.topology.apply.connection import Connection, Options
from pipeline.topology.apply.reading import records_of

INCIDENTS: Final = "incidents"


async def count_open(connection: Connection, options: Options) -> int:
    """Incidents that are not resolved; one that cannot be read counts as open.

    Raises ClusterError.
    """
    found: set[bytes | None] = set()
    async for record in records_of(connection, options, INCIDENTS):
        if record.value is not None and _is_open(record.value):
            found.add(record.key)
        else:
            found.discard(record.key)
    return len(found)


def _is_open(value: bytes) -> bool:
    try:
        return decode(Incident, value).is_open
    except DecodeError:
        return True
