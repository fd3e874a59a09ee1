"""Every metric of Tocsin: its name, kind, unit, labels and what it says. There are no others."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Kind = Literal["counter", "gauge", "histogram"]

LABEL_VALUES_MAX: Final = 100
"""Values of one label that are told apart; further ones are counted as `other`."""

SERIES_MAX: Final = 1_000
"""Series of one metric; beyond them all its labels are `other`."""

OTHER: Final = "other"

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"

FAST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of what takes milliseconds."""

SLOW_S: Final = (*FAST_S[2:], 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Buckets of what may have to wait for a receiver that is down."""


class MetricSpec(Struct, frozen=True, kw_only=True):
    """One metric. `name` is what code calls it; `exposed` is what Prometheus sees."""

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exposed(self) -> str:
        """The name in `/metrics`: with prefix, and of a counter with `_total`."""
        return f"tocsin_{self.name}{'_total' if self.kind == COUNTER else ''}"


def _counter(name: str, unit: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=name, kind="counter", unit=unit, help=text, labels=labels)


def _gauge(name: str, unit: str, text: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=name, kind="gauge", unit=unit, help=text, labels=labels)


def _histogram(name: str, buckets: tuple[float, ...], text: str, *labels: str) -> MetricSpec:
    return MetricSpec(
        name=name, kind="histogram", unit="seconds", help=text, labels=labels, buckets=buckets
    )


TABLE: Final[tuple[MetricSpec, ...]] = (
    _gauge("build_info", "1", "Which Tocsin this is.", "version", "installation", "topology"),
    _gauge("ready", "bool", "1 while nothing speaks against sending work here."),
    _gauge("complaints", "complaints", "How many things speak against sending work here."),
    _gauge("fault", "bool", "1 while nothing can be committed: see the log."),
    # The stream.
    _counter("epochs", "epochs", "Epochs that were committed.", "task"),
    _counter("events", "events", "Events and wakes that were run and committed.", "task"),
    _counter("raised", "events", "Events dead-lettered since a stage raised: bugs.", "task"),
    _histogram("commit_seconds", FAST_S, "One commit: its epochs and the disk."),
    _counter("outputs", "records", "Records that stages put on topics.", "topic"),
    _counter("reasons", "decisions", "Decisions by their reason.", "stage", "reason"),
    _counter("dead_letters", "events", "Events that could not be processed.", "agent", "reason"),
    _gauge("lag_records", "records", "Records that a task has yet to read.", "task"),
    _gauge(
        "standby_lag_seconds",
        "seconds",
        "How long ago a worker's warm copy of another's task was complete.",
        "task",
    ),
    _gauge(
        "globals_lag_seconds",
        "seconds",
        "How long ago a worker knew all of a topic that every worker reads whole.",
        "topic",
    ),
    _gauge("view_lag_seconds", "seconds", "How long ago an edge on Kafka knew all there was."),
    _gauge("appends_waiting", "records", "Records that Kafka has yet to acknowledge."),
    _gauge("task_halted", "bool", "1 while a task stands still: too many events raise.", "task"),
    _gauge("wakes_late_seconds", "seconds", "How long the oldest due timer has been waiting."),
    _gauge("clock_jump_seconds", "seconds", "The wall clock is off by this; it is not followed."),
    # The way out.
    _gauge("outbox_entries", "notifications", "Notifications on their way.", "receiver", "state"),
    _gauge("breaker_state", "0-2", "0 closed · 1 probing · 2 open: not called now.", "receiver"),
    _counter("calls", "calls", "Calls that came back.", "receiver", "outcome"),
    _histogram("call_seconds", FAST_S, "One call of a receiver, waiting included.", "receiver"),
    _counter(
        "receipts",
        "notifications",
        "What became of notifications.",
        "receiver",
        "action",
        "result",
    ),
    _histogram(
        "alert_to_page_seconds",
        SLOW_S,
        "From an alert's acceptance to the receiver that took the trigger; without tests.",
    ),
    # Models, by their last snapshot, on what it had not yet learned.
    _gauge("model_outcomes", "outcomes", "Outcomes that a head has learned.", "model", "head"),
    _gauge("model_accuracy", "0-1", "Share of outcomes foreseen.", "model", "head"),
    _gauge("model_log_loss", "nats", "Surprise per outcome.", "model", "head"),
    _gauge("model_calibration_error", "0-1", "How far confidence is off.", "model", "head"),
    _gauge("model_pr_auc", "0-1", "Of yes-or-no heads, that of yes.", "model", "head"),
    _gauge("model_drifts", "drifts", "How often the errors of a head changed.", "model", "head"),
    # The edge.
    _counter("edge_requests", "requests", "Requests by route and class.", "route", "status"),
    _counter("edge_accepted_alerts", "alerts", "Alerts answered after their commit.", "format"),
    _counter("edge_refused_alerts", "alerts", "Members of batches that were refused.", "format"),
    _counter("edge_refused_requests", "requests", "Requests of alerts refused whole.", "kind"),
    # Upkeep.
    _gauge("disk_bytes", "bytes", "What the data folder holds.", "part"),
    _gauge("disk_free_bytes", "bytes", "Room left on the disk of the data folder."),
    _counter("trimmed_records", "records", "Records that retention let go of."),
    _gauge("last_base_timestamp_seconds", "seconds since 1970", "When state was last copied."),
    _counter("canaries", "canaries", "Canaries by what became of them.", "result"),
    _histogram("canary_seconds", SLOW_S, "From a canary's sending to its receipt: the whole way."),
    _gauge(
        "canary_last_success_timestamp_seconds",
        "seconds since 1970",
        "When a canary last went the whole way.",
    ),
    _counter("dead_man_pings", "pings", "Calls of the outside watcher.", "result"),
    _gauge("self_alerts", "alerts", "Alerts about Tocsin itself that fire now.", "name"),
    _counter("upkeep_runs", "runs", "Runs of a periodic job.", "job"),
    _counter("upkeep_failures", "runs", "Runs of a periodic job that failed.", "job"),
    _counter("undeclared_metrics", "calls", "Metrics that were used and are not in this table."),
)
"""In the order in which they are documented."""
