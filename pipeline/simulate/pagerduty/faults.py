"""Faults on demand: which calls go wrong, how, and how often, reproducible by a seed.

A plan is a list of faults; for each call the first one that is due and draws it applies. Every
fault has dice of its own, seeded by (seed, its place), so one fault's draws do not depend on how
often another was asked: the n-th call that reaches a fault is hit or not whatever the clock says.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Annotated, Any, Final, Literal

import msgspec

RATE_WINDOW_MS: Final = 60_000
RATE_KEYS_MAX: Final = 10_000
HOLD_MS_MAX: Final = 3_600_000
FAULTS_MAX: Final = 100

Kind = Literal[
    "status",  # answer `status`; the call has no effect
    "hang_after_accept",  # the call has its effect; the answer comes after `ms`, or never
    "reset_after_accept",  # the call has its effect; then a TCP reset instead of an answer
    "slow",  # wait `ms`, then serve the call as always, also when its sender has gone
    "down",  # a TCP reset; the call has no effect
    "rate_limit",  # 429 above `per_minute` calls a routing key in a sliding minute
]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault of a plan.

    `share` is the probability per call, `count` ends the fault after so many hits, `for_ms`
    after so long since it was set, `until_at_ms` at an instant (epoch). `api` chooses the calls.
    """

    kind: Kind
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    count: Annotated[int, msgspec.Meta(ge=0)] | None = None
    for_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
    until_at_ms: int | None = None
    api: Literal["events", "rest", "all"] = "events"
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    retry_after_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    ms: Annotated[int, msgspec.Meta(ge=0, le=HOLD_MS_MAX)] | None = None
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 120


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /_sim/faults`: it replaces the plan in force."""

    faults: Annotated[list[Fault], msgspec.Meta(max_length=FAULTS_MAX)]
    seed: int = 0


class Faults:
    """The plan in force and what became of it."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """No faults."""
        self._armed: list[_Armed] = []
        self.seed = 0

    def set(self, plan: FaultPlan, now_ms: int) -> None:
        """Put a plan in force; its counts, times and dice begin anew."""
        self.seed = plan.seed
        self._armed = [
            _Armed(fault, f"{plan.seed}:{place}", now_ms) for place, fault in enumerate(plan.faults)
        ]

    def pick(self, api: str, routing_key: str, now_ms: int) -> Fault | None:
        """The fault that this call meets, if any; asking is what counts and draws."""
        for armed in self._armed:
            if armed.hits_call(api, routing_key, now_ms):
                return armed.fault
        return None

    def shown(self) -> dict[str, Any]:
        """The plan with its hits, for `GET /_sim/faults`."""
        return {
            "seed": self.seed,
            "faults": [
                {**msgspec.to_builtins(armed.fault), "hits": armed.hits} for armed in self._armed
            ],
        }


class _Armed:
    """One fault with its dice, its hits, and for a rate limit its windows."""

    def __init__(self, fault: Fault, seed: str, set_at_ms: int) -> None:
        self.fault = fault
        self.hits = 0
        self._dice = random.Random(seed)
        ends = [fault.until_at_ms, None if fault.for_ms is None else set_at_ms + fault.for_ms]
        self._ends_at_ms = min((end for end in ends if end is not None), default=None)
        self._windows: dict[str, deque[int]] = {}

    def hits_call(self, api: str, routing_key: str, now_ms: int) -> bool:
        fault = self.fault
        if fault.api not in ("all", api):
            return False
        if fault.count is not None and self.hits >= fault.count:
            return False
        if self._ends_at_ms is not None and now_ms >= self._ends_at_ms:
            return False
        if fault.share < 1.0 and self._dice.random() >= fault.share:
            return False
        if fault.kind == "rate_limit" and not self._is_over_rate(routing_key, now_ms):
            return False
        self.hits += 1
        return True

    def _is_over_rate(self, routing_key: str, now_ms: int) -> bool:
        window = self._windows.get(routing_key)
        if window is None:
            if len(self._windows) >= RATE_KEYS_MAX:
                # The key seen first frees its place; should it call again, it gets a fresh minute.
                self._windows.pop(next(iter(self._windows)))
            window = self._windows[routing_key] = deque()
        while window and window[0] <= now_ms - RATE_WINDOW_MS:
            window.popleft()
        if len(window) >= self.fault.per_minute:
            return True
        window.append(now_ms)
        return False
