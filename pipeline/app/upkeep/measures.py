"""Measures: what is counted of each commit and of each call, from what the stages have decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, Final

import structlog

from pipeline.domain.call import CallResult
from pipeline.domain.notification import DELIVERED, TRIGGER, Receipt
from pipeline.domain.sink import Delivered, Retry
from pipeline.engine import Effects
from pipeline.observe.metrics import Metrics
from pipeline.stages.fit.tables import MODELS, ModelRow
from pipeline.stages.send.tables import Entry, ReceiverState

DEAD_LETTER: Final = "dead-letter."
CLOSED: Final = 0
PROBING: Final = 1
OPEN: Final = 2

_log: Final = structlog.get_logger("tocsin.app")


class Measures:
    """Listens to a host; its methods are called in the runner's thread, `call` on the loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._entries: dict[str, tuple[str, str]] = {}
        self._has_failed = False
        self._shown: dict[str, str] = {}

    def commit(self, epochs: Sequence[Effects], took_s: float) -> None:
        """Count one commit. It never raises: a figure that fails must not stop the stream."""
        try:
            if epochs:
                self._metrics.observe("commit_seconds", took_s)
            for effects in epochs:
                self._epoch(effects)
        except Exception:  # noqa: BLE001
            if not self._has_failed:
                _log.exception("counting fails; this is said once")
            self._has_failed = True

    def outbox(self, _task: str, rows: Mapping[str, Any]) -> None:
        """Follow the entries of the outbox by receiver and state."""
        for key, row in rows.items():
            before = self._entries.pop(key, None)
            if before is not None:
                self._move(before, -1)
            if row is not None:
                now = _place(row)
                self._entries[key] = now
                self._move(now, 1)

    def receivers(self, _task: str, rows: Mapping[str, Any]) -> None:
        """Follow the breakers."""
        for name, row in rows.items():
            state = CLOSED if row is None else breaker(row)
            self._metrics.set("breaker_state", state, {"receiver": name})

    def call(self, result: CallResult) -> None:
        """Count one call that came back."""
        receiver = result.key.partition("/")[0]
        labels = {"receiver": receiver, "outcome": _word(result)}
        self._metrics.count("calls", 1, labels)
        self._metrics.observe("call_seconds", result.took_ms / 1_000, {"receiver": receiver})

    def _epoch(self, effects: Effects) -> None:
        metrics, task = self._metrics, {"task": effects.task}
        metrics.count("epochs", 1, task)
        metrics.count("events", effects.events, task)
        if effects.raised:
            metrics.count("raised", effects.raised, task)
        for name, count in effects.reasons.items():
            if name.startswith(DEAD_LETTER):
                agent = effects.task.rpartition("-")[0]
                labels = {"agent": agent, "reason": name.removeprefix(DEAD_LETTER)}
                metrics.count("dead_letters", count, labels)
            else:
                stage, _, reason = name.partition(".")
                metrics.count("reasons", count, {"stage": stage, "reason": reason})
        topics: dict[str, int] = {}
        for output in effects.outputs:
            topics[output.topic] = topics.get(output.topic, 0) + 1
            if isinstance(output.event, Receipt):
                self._receipt(output.event)
        for topic, count in topics.items():
            metrics.count("outputs", count, {"topic": topic})
        self.models(effects.task, effects.touched.get(MODELS.name, {}))

    def models(self, _task: str, rows: Mapping[str, Any]) -> None:
        """Follow how good each model is; called with all rows after a start."""
        for model, row in rows.items():
            if row is not None:
                self._model(model, row)

    def _model(self, model: str, row: ModelRow) -> None:
        """How good a model is, as its last snapshot says; a figure that is not known is absent."""
        if not row.heads or self._shown.get(model) == row.heads[0].version:
            return
        self._shown[model] = row.heads[0].version
        for one in row.heads[0].qualities:
            figures = {
                "model_outcomes": one.outcomes_count,
                "model_accuracy": one.accuracy,
                "model_log_loss": one.log_loss,
                "model_calibration_error": one.calibration_error,
                "model_pr_auc": one.pr_auc,
                "model_drifts": one.drifts_count,
            }
            for name, figure in figures.items():
                if not isnan(figure):
                    self._metrics.set(name, figure, {"model": model, "head": one.head})

    def _receipt(self, receipt: Receipt) -> None:
        labels = {
            "receiver": receipt.receiver,
            "action": receipt.action,
            "result": receipt.result,
        }
        self._metrics.count("receipts", 1, labels)
        is_page = receipt.action == TRIGGER and receipt.result == DELIVERED
        if is_page and receipt.received_at_ms and not receipt.is_test:
            took_ms = max(receipt.at_ms - receipt.received_at_ms, 0)
            self._metrics.observe("alert_to_page_seconds", took_ms / 1_000)

    def _move(self, place: tuple[str, str], by: int) -> None:
        receiver, state = place
        self._metrics.count("outbox_entries", by, {"receiver": receiver, "state": state})


def breaker(state: ReceiverState) -> int:
    """CLOSED, PROBING or OPEN."""
    if state.is_probing:
        return PROBING
    return OPEN if state.open_until_ms else CLOSED


def _place(entry: Entry) -> tuple[str, str]:
    return entry.notification.receiver, entry.state


def _word(result: CallResult) -> str:
    if isinstance(result.outcome, Delivered):
        return "delivered"
    return "retry" if isinstance(result.outcome, Retry) else "refused"
