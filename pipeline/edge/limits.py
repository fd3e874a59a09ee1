"""Limits of the edge, and what happens at each."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

MIB: Final = 2**20


class Limits(Struct, frozen=True, kw_only=True):
    """All limits of the edge but the members of a batch, which is the section `ingest`'s."""

    body_size_bytes_max: int = 32 * MIB
    """Bytes of one body, after gzip is undone: 413, or 503 for Alertmanager and Prometheus."""
    request_size_bytes_max: int = 4 * MIB
    """Bytes of the body of any other request: 413."""
    bodies_size_bytes_max: int = 256 * MIB
    """Bytes of all bodies being read or waiting for their commit: 503."""
    requests_max: int = 512
    """Requests being answered; probes are not counted: 503."""
    body_read_ms_max: int = 30_000
    """A body that takes longer to arrive: 408."""
    alerts_per_s: int = 50_000
    """Alerts of one tenant, over time: 429, or 503 for Alertmanager and Prometheus."""
    alerts_burst: int = 200_000
    """Alerts that a tenant may send at once after a pause."""
    command_wait_ms: int = 5_000
    """So long a command is waited for before it is answered with 202 and its id."""
    self_alert_every_ms: int = 60_000
    """The edge raises an alert about itself at most so often for one reason."""
