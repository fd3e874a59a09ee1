"""Admission: who is let in now. Bounds on requests and bytes in hand, a rate per tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.edge.limits import MIB, Limits
from pipeline.edge.problem import Problem

TENANTS_MAX: Final = 10_000
"""Buckets kept; at the limit all begin anew, full."""


class Admission:
    """Counts what is in hand. Not for threads: it belongs to the event loop."""

    def __init__(self, limits: Limits, now_ms: Callable[[], int]) -> None:
        self._limits = limits
        self._now_ms = now_ms
        self._requests = 0
        self._bytes = 0
        self._buckets: dict[str, tuple[float, int]] = {}

    def enter(self) -> None:
        """Take one of the places for requests. Raises Problem 503 where all are taken."""
        if self._requests >= self._limits.requests_max:
            detail = f"{self._requests} requests are being answered: try again"
            raise Problem(503, "busy", detail, retry_after_s=1)
        self._requests += 1

    def leave(self) -> None:
        """Give the place back."""
        self._requests -= 1

    def hold(self, size_bytes: int) -> None:
        """Count bytes of a body. Raises Problem 503 where too many are in hand already."""
        if self._bytes + size_bytes > self._limits.bodies_size_bytes_max:
            detail = f"{self._bytes // MIB} MiB of bodies wait for their commit: try again"
            raise Problem(503, "busy", detail, retry_after_s=2)
        self._bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """Bytes are out of hand."""
        self._bytes -= size_bytes

    def check_rate(self, tenant: str) -> None:
        """Raise Problem 429 while a tenant has used up its rate."""
        tokens = self._tokens(tenant)
        if tokens <= 0:
            rate = self._limits.alerts_per_s
            detail = f"over {rate} alerts/s: slow down, or send fewer repetitions"
            after_s = max(1.0, -tokens / rate)
            raise Problem(429, "rate-limited", detail, retry_after_s=after_s)

    def charge(self, tenant: str, alerts: int) -> None:
        """Count alerts that were let in. A batch is never split: it may leave a debt."""
        if tenant not in self._buckets and len(self._buckets) >= TENANTS_MAX:
            self._buckets.clear()
        self._buckets[tenant] = (self._tokens(tenant) - alerts, self._now_ms())

    def _tokens(self, tenant: str) -> float:
        limits = self._limits
        tokens, at_ms = self._buckets.get(tenant, (float(limits.alerts_burst), 0))
        grown = tokens + (self._now_ms() - at_ms) * limits.alerts_per_s / 1000
        return min(grown, float(limits.alerts_burst))
