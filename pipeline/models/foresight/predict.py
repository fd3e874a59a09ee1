"""Foresight: how likely each service opens an incident in the next half hour, learned online.

A caller tells it of alerts, changes and incidents as they come, and asks for the risk of a service
every few minutes. What was known when it asked is kept until it is known what became of it: it is
learned as foretelling at once when an incident opens within HORIZON_MS, else as harmless after
HORIZON_MS. While a service has not been asked about for long, nothing is learned of it.

What is kept is bounded: SERVICES_MAX services (at the limit the one that was quiet longest is
forgotten) and PENDING_MAX answers of each (at the limit the oldest is not learned).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from pipeline.models.foresight.logistic import Logistic
from pipeline.models.foresight.service import Service, advance, alerted, changed, opened
from pipeline.models.foresight.signals import NEAR_MAX, ROWS, VERSION, Lately, signals
from pipeline.models.snapshot.state import read_state

FORMAT: Final = 1
HORIZON_MS: Final = 1_800_000
STEP_MS: Final = 300_000
"""How often a service should be asked about."""

SERVICES_MAX: Final = 10_000
PENDING_MAX: Final = 8
CHARS_MAX: Final = 200
"""Of a service's name; what is longer is cut."""

RATE: Final = 0.1
BIAS: Final = -5.0
"""Log-odds to begin with: incidents are rare."""

Asked = tuple[int, list[int], list[float]]
"""When a risk was asked for, and on which features it was given."""


class State(msgspec.Struct, frozen=True, array_like=True):
    """All that is kept; services in the order of their last use."""

    format: int
    features_version: int
    learned: int
    services: list[tuple[str, Service, list[Asked]]]
    weights: list[tuple[int, float, float]]


class Foresight:
    """The services of one tenant, in the order in which things happen."""

    def __init__(self) -> None:
        self._model = Logistic(ROWS, RATE, bias=BIAS)
        self._services: dict[str, Service] = {}
        self._pending: dict[str, list[Asked]] = {}
        self._lately: dict[str, Lately] = {}
        self._lately_at_ms = -1
        self._learned = 0

    @property
    def learned_count(self) -> int:
        """How many answers have been learned from."""
        return self._learned

    def alerted(self, service: str, rule: str, severity_rank: int, at_ms: int) -> None:
        """An alert began to fire at a service; rank 4 is critical, 3 error."""
        alerted(self._of(service), rule, severity_rank, at_ms)

    def changed(self, service: str, at_ms: int) -> None:
        """A service was changed."""
        changed(self._of(service), at_ms)

    def opened(self, service: str, at_ms: int) -> None:
        """An incident opened: what was asked in the half hour before foretold it."""
        found = self._of(service)
        kept: list[Asked] = []
        for asked in self._pending.pop(service[:CHARS_MAX], ()):
            if asked[0] >= at_ms:
                kept.append(asked)
            else:
                self._learn(asked, is_yes=asked[0] >= at_ms - HORIZON_MS)
        if kept:
            self._pending[service[:CHARS_MAX]] = kept
        opened(found, at_ms)

    def risk(self, service: str, needs: Sequence[str], at_ms: int) -> float:
        """The chance that an incident of a service opens within HORIZON_MS, 0 to 1; `needs` are
        the services that it depends on. The answer is learned from when it has turned out.
        """
        found = self._of(service)
        advance(found, at_ms)
        asked = self._ask(service, found, needs, at_ms)
        name = service[:CHARS_MAX]
        self._settle(name, at_ms)
        pending = self._pending.setdefault(name, [])
        if len(pending) >= PENDING_MAX:
            del pending[0]
        pending.append(asked)
        return self._model.chance(asked[1], asked[2])

    def _ask(self, name: str, service: Service, needs: Sequence[str], at_ms: int) -> Asked:
        if at_ms != self._lately_at_ms:
            self._lately.clear()
            self._lately_at_ms = at_ms
        near = [self._lately_of(each, at_ms) for each in needs[:NEAR_MAX] if self._knows(each)]
        rows, values = signals(service, self._lately_of(name, at_ms), near, at_ms)
        return at_ms, rows, values

    def _lately_of(self, service: str, at_ms: int) -> Lately:
        name = service[:CHARS_MAX]
        found = self._lately.get(name)
        if found is None:
            found = self._lately[name] = Lately(self._services[name], at_ms)
        return found

    def _knows(self, service: str) -> bool:
        return service[:CHARS_MAX] in self._services

    def _of(self, service: str) -> Service:
        name = service[:CHARS_MAX]
        self._lately.pop(name, None)
        found = self._services.pop(name, None)
        if found is None:
            found = Service()
            if len(self._services) >= SERVICES_MAX:
                gone = next(iter(self._services))
                del self._services[gone]
                self._pending.pop(gone, None)
                self._lately.pop(gone, None)
        self._services[name] = found
        return found

    def _settle(self, name: str, at_ms: int) -> None:
        pending = self._pending.get(name, [])
        while pending and pending[0][0] + HORIZON_MS <= at_ms:
            self._learn(pending.pop(0), is_yes=False)

    def _learn(self, asked: Asked, *, is_yes: bool) -> None:
        self._model.learn(asked[1], asked[2], 1.0, is_yes=is_yes)
        self._learned += 1

    def snapshot(self) -> bytes:
        """All that it has learned, as msgpack."""
        return msgspec.msgpack.encode(
            State(
                FORMAT,
                VERSION,
                self._learned,
                [
                    (name, service, self._pending.get(name, []))
                    for name, service in self._services.items()
                ],
                self._model.packed(),
            )
        )

    @classmethod
    def restore(cls, raw: bytes) -> Foresight:
        """The foresight of `snapshot`. Raises SnapshotError: `format` of another version,
        `features` of other features, `content` where it can not be read.
        """
        state = read_state(raw, State, "foresight", {"format": FORMAT, "features": VERSION})
        made = cls()
        made._model.unpack(state.weights)
        made._learned = state.learned
        made._services = {name: service for name, service, _ in state.services}
        made._pending = {name: asked for name, _, asked in state.services if asked}
        return made
