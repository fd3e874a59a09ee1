"""Chain: an agent's stages in their order, wired so that each forwards to the next that accepts.

What reaches the end unaccepted is either a Rejected, which becomes a dead letter, or a mistake
in the topology, which is said at once.
"""

from __future__ import annotations

from typing import Any

from pipeline.domain.deadletter import DETAIL_SIZE_MAX, DeadLetter, Rejected
from pipeline.domain.errors import UsageError
from pipeline.domain.ids import digest64
from pipeline.domain.record import ORIGIN, TENANT
from pipeline.domain.stage import Event, Stage
from pipeline.engine.agent import DEAD_LETTERS
from pipeline.engine.context import Epoch, StageContext


class Chain:
    """The stages of one task. `process` runs one event, `wake` one due timer."""

    def __init__(self, stages: tuple[Stage, ...], epoch: Epoch) -> None:
        self._stages = stages
        self._epoch = epoch
        self._routes: list[dict[type, Any]] = [{} for _ in range(len(stages) + 1)]
        self._contexts = [
            StageContext(stage, epoch, self._follower(position + 1))
            for position, stage in enumerate(stages)
        ]
        self._positions = {stage.name: position for position, stage in enumerate(stages)}
        self.process = self._follower(0)

    def wake(self, stage: str, key: str) -> None:
        """Run one due wake. A stage that is no longer in the chain is passed over."""
        position = self._positions.get(stage)
        if position is not None:
            self._stages[position].wake(key, self._contexts[position])

    def _follower(self, start: int) -> Any:
        """The function that hands an event to the first stage from `start` that accepts it."""
        routes = self._routes[start]

        def follow(event: Event) -> None:
            found = routes.get(type(event))
            if found is None:
                found = routes[type(event)] = self._route(start, type(event))
            process, ctx = found
            process(event, ctx)

        return follow

    def _route(self, start: int, kind: type) -> tuple[Any, Any]:
        for position in range(start, len(self._stages)):
            stage = self._stages[position]
            if kind in stage.accepts:
                return stage.process, self._contexts[position]
        return self._end, None

    def _end(self, event: Event, _ctx: None) -> None:
        if not isinstance(event, Rejected):
            raise UsageError(
                f"no stage of agent {self._epoch.agent.name} takes a {type(event).__name__}"
            )
        path = f"{event.path}: " if event.path else ""
        self.dead_letter(event.reason, path + event.detail, event.index, "")

    def dead_letter(self, reason: str, detail: str, index: int, stage: str) -> None:
        """Put the current record on dead-letters, with its bytes."""
        epoch = self._epoch
        record = epoch.record
        epoch.reasons.append(f"dead-letter.{reason}")
        value = DeadLetter(
            dead_letter_id=digest64(
                record.topic, str(record.partition), str(record.offset), str(index), record.key
            ),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            index=index,
            key=record.key,
            value=record.value or b"",
            headers={**record.headers, ORIGIN: epoch.headers.get(ORIGIN, "")},
            agent=epoch.agent.name,
            stage=stage,
            reason=reason,
            detail=detail[-DETAIL_SIZE_MAX:],
            at_ms=epoch.now_ms,
            tenant=epoch.headers.get(TENANT, ""),
        )
        epoch.append(DEAD_LETTERS, record.topic or epoch.agent.name, value)
