"""What correlate remembers: alerts, groups, counts of incidents, recent places, ids, scopes.

Every key starts with the scope's id and a slash, so that a scope's state can be moved whole.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.stage import TableSpec, before_slash


class AlertRow(Struct, frozen=True, array_like=True):
    """One identity (`<scope>/<fingerprint>`): its episode, and where it belongs.

    `starts_at_ms` and `ended_at_ms` are the sender's times of the latest episode, `ends_at_ms`
    the announced end of a firing one. `seen_at_ms`, `flapped_at_ms` and `counted_at_ms` are
    ours. `pending` are events not yet counted on the incident, `changes` the times of the last
    status changes. `is_presumed`: we ended it ourselves, so the sender may contradict.
    """

    incident_id: str = ""
    is_firing: bool = False
    severity: str = "unknown"
    starts_at_ms: int = 0
    ended_at_ms: int = 0
    ends_at_ms: int = 0
    seen_at_ms: int = 0
    counted_at_ms: int = 0
    flapped_at_ms: int = 0
    wake_at_ms: int = 0
    count: int = 0
    pending: int = 0
    is_flapping: bool = False
    is_told_resolved: bool = False
    is_presumed: bool = False
    is_unlisted: bool = False
    changes: tuple[int, ...] = ()


class GroupRow(Struct, frozen=True, array_like=True):
    """One group (`<scope>/<group key>`) under the rule that opened it, as that rule was then."""

    incident_id: str
    rule: str
    gap_ms: int
    first_at_ms: int
    last_at_ms: int
    seen_at_ms: int
    version: str = ""


class IncidentRow(Struct, frozen=True, array_like=True):
    """The counts beneath one incident (`<scope>/<n>`).

    `firing` counts its firing alerts by severity rank, `alerts` all distinct ones. A row whose
    `merged_into` is set passes everything on to that incident. `apart` are the incidents that a
    person split from it: no alert brings them together again.
    """

    firing: tuple[int, ...] = (0, 0, 0, 0, 0)
    alerts: int = 0
    events: int = 0
    quiet_from_ms: int = 0
    closed_at_ms: int = 0
    merged_into: str = ""
    shown_at_ms: int = 0
    wake_at_ms: int = 0
    override: str = ""
    apart: tuple[str, ...] = ()


class ScopeRow(Struct, frozen=True, array_like=True):
    """One scope (`<scope>/`): the last number given, the open incidents, the overflow's id."""

    last_n: int = 0
    open_count: int = 0
    overflow_id: str = ""


class Sighting(Struct, frozen=True, array_like=True):
    """One incident at one service: its first and latest alert there, by the alerts' times."""

    incident_id: str
    first_at_ms: int
    last_at_ms: int


class PlaceRow(Struct, frozen=True, array_like=True):
    """The recent incidents by service where the `same` values are equal
    (`<scope>/<those values>`); `seen_at_ms` is ours.
    """

    seen_at_ms: int = 0
    services: dict[str, tuple[Sighting, ...]] = {}


class SeenRow(Struct, frozen=True, array_like=True):
    """An id taken at `at_ms` (`<scope>/=<id>`), its place in the ring, and what came of it."""

    at_ms: int
    place: int
    result: str = ""


class RingRow(Struct, frozen=True, array_like=True):
    """One place of the ring of ids (`<scope>/#<n>`), or its two ends (`<scope>/#`)."""

    text: str = ""
    first: int = 0
    next: int = 0


class KeptPair(Struct, frozen=True, array_like=True):
    """An alert of an incident as it was held against `incident_id`, which was nearest at `service`:
    the features as little-endian uint16, by which version and how it was decided, and when.
    """

    fingerprint: str
    incident_id: str
    service: str
    rows: bytes
    version: str
    is_joined: bool
    judged_at_ms: int

    def joined_to(self, incident_id: str) -> KeptPair:
        """The same pair, held against another incident that its nearest service went to."""
        return replace(self, incident_id=incident_id)


class LinkRow(Struct, frozen=True, array_like=True):
    """What was judged of the alerts of one incident (`<scope>/<n>`), of features of one version,
    until a person says what was right.
    """

    features_version: int = 0
    pairs: tuple[KeptPair, ...] = ()


_Row = TypeVar("_Row", bound=Struct)


def _of_scope(name: str, row: type[_Row]) -> TableSpec[_Row]:
    return TableSpec(name=name, type=row, owner=before_slash)


ALERTS: Final = _of_scope("correlate-alerts", AlertRow)
GROUPS: Final = _of_scope("correlate-groups", GroupRow)
COUNTS: Final = _of_scope("correlate-counts", IncidentRow)
SCOPES: Final = _of_scope("correlate-scopes", ScopeRow)
PLACES: Final = _of_scope("correlate-places", PlaceRow)
SEEN: Final = _of_scope("correlate-seen", SeenRow)
RING: Final = _of_scope("correlate-ring", RingRow)
LINKED: Final = _of_scope("correlate-links", LinkRow)


def row_key(incident_id: str) -> str:
    """The key of an incident's rows: `<scope>/<n>`."""
    scope, _, number = incident_id.partition(".")
    return f"{scope}/{number}"
