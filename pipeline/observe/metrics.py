"""Metrics: the table made countable, every label bounded, rendered for Prometheus.

`python -m pipeline.observe.metrics` writes infra/docs/metrics.md from the same table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from pipeline.observe.table import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    LABEL_VALUES_MAX,
    OTHER,
    SERIES_MAX,
    TABLE,
    MetricSpec,
)

NO_LABELS: Final[Mapping[str, str]] = {}
DOCUMENT: Final = Path("infra/docs/metrics.md")


class Metrics:
    """All metrics of one process, in a registry of its own; safe from any thread.

    A name that the table lacks, or has as another kind, is counted as undeclared and harms nobody.
    A gauge that nobody has set is absent: a 0 would claim that somebody looked.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # or each would be there twice
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._metrics = {spec.name: _Metric(spec, self.registry) for spec in TABLE}
        self._samplers: list[Callable[[], None]] = []

    def count(self, name: str, amount: float = 1, labels: Mapping[str, str] = NO_LABELS) -> None:
        """Add to a counter, or move a gauge."""
        self._metric(name, COUNTER, GAUGE).child(labels).inc(amount)

    def set(self, name: str, value: float, labels: Mapping[str, str] = NO_LABELS) -> None:
        """Set a gauge."""
        metric = self._metric(name, GAUGE)
        if metric.spec.kind == GAUGE:
            metric.child(labels).set(value)
        else:
            metric.child(labels).inc()

    def observe(self, name: str, value: float, labels: Mapping[str, str] = NO_LABELS) -> None:
        """Add a value to a histogram."""
        metric = self._metric(name, HISTOGRAM)
        if metric.spec.kind == HISTOGRAM:
            metric.child(labels).observe(value)
        else:
            metric.child(labels).inc()

    def clear(self, name: str) -> None:
        """Forget all series of a metric: what it said no longer holds."""
        self._metrics[name].clear()

    def on_render(self, sampler: Callable[[], None]) -> None:
        """Call `sampler` before each rendering: it sets what is only looked at then."""
        self._samplers.append(sampler)

    def render(self) -> bytes:
        """Prometheus' text format."""
        for sampler in self._samplers:
            sampler()
        return generate_latest(self.registry)

    def value(self, name: str, labels: Mapping[str, str] = NO_LABELS) -> float:
        """The value of one series, of a histogram its count; 0 where there is none."""
        spec = self._metrics[name].spec
        exposed = spec.exposed + ("_count" if spec.kind == HISTOGRAM else "")
        return self.registry.get_sample_value(exposed, dict(labels)) or 0.0

    def _metric(self, name: str, *kinds: str) -> _Metric:
        found = self._metrics.get(name)
        if found is None or found.spec.kind not in kinds:
            return self._metrics["undeclared_metrics"]
        return found


class _Metric:
    """One metric and its series by the values of their labels."""

    def __init__(self, spec: MetricSpec, registry: CollectorRegistry) -> None:
        self.spec = spec
        kind: Any = {COUNTER: Counter, HISTOGRAM: Histogram}.get(spec.kind, Gauge)
        more = {"buckets": spec.buckets} if spec.kind == HISTOGRAM else {}
        self._registry = registry
        self._whole: Any = kind(spec.exposed, spec.help, spec.labels, registry=None, **more)
        self._is_shown = False
        self._series: dict[tuple[str, ...], Any] = {}
        self._values: tuple[set[str], ...] = tuple(set() for _ in spec.labels)
        self._lock = Lock()
        if spec.kind != GAUGE or spec.labels:
            self._show()

    def child(self, labels: Mapping[str, str]) -> Any:
        """The series for these labels; those beyond the bounds share `other`."""
        if not self.spec.labels:
            if not self._is_shown:
                self._show()
            return self._whole
        key = tuple([labels.get(name, "") for name in self.spec.labels])
        return self._series.get(key) or self._make(key)

    def clear(self) -> None:
        """Forget all series."""
        with self._lock:
            self._series.clear()
            for values in self._values:
                values.clear()
            if self.spec.labels:
                self._whole.clear()

    def _show(self) -> None:
        with self._lock:
            if not self._is_shown:
                self._registry.register(self._whole)
                self._is_shown = True

    def _make(self, key: tuple[str, ...]) -> Any:
        with self._lock:
            bounded = tuple(
                value if value in known or len(known) < LABEL_VALUES_MAX else OTHER
                for value, known in zip(key, self._values, strict=True)
            )
            if bounded not in self._series and len(self._series) >= SERIES_MAX:
                bounded = (OTHER,) * len(key)
            if bounded not in self._series:
                self._series[bounded] = self._whole.labels(*bounded)
                for value, known in zip(bounded, self._values, strict=True):
                    known.add(value)
            return self._series[bounded]


def document() -> str:
    """infra/docs/metrics.md: the table for people."""
    heads = ("metric", "kind", "unit", "labels", "what it says")
    rows = [
        (
            f"`{spec.exposed}`",
            spec.kind,
            spec.unit,
            ", ".join(f"`{label}`" for label in spec.labels),
            spec.help,
        )
        for spec in TABLE
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ("---",) * len(heads), *rows)]
    return _LEAD + "\n" + "\n".join(lines) + "\n"


_LEAD: Final = f"""\
# Metrics

What `/metrics` shows, besides the `process_…` metrics of every Prometheus client. Made from
`pipeline/observe/table.py` by `python -m pipeline.observe.metrics`; a test fails when this page is
out of date. A label tells {LABEL_VALUES_MAX} values apart and a metric {SERIES_MAX} series; what is
beyond is counted as `{OTHER}`.
"""

if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENT
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(document(), encoding="utf-8")
