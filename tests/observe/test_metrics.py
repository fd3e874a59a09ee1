"""The table of metrics: one place, bounded labels, documents that are up to date."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.observe.metrics import DOCUMENT, Metrics, document
from pipeline.observe.table import LABEL_VALUES_MAX, SERIES_MAX, TABLE, MetricSpec
from tests.real import ROOT


def test_the_document_is_what_the_table_says() -> None:
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    assert text == document(), "run `python -m pipeline.observe.metrics` and read the difference"


@pytest.mark.parametrize("spec", TABLE, ids=lambda spec: spec.name)
def test_a_metric_is_named_as_prometheus_wants_it(spec: MetricSpec) -> None:
    assert re.fullmatch(r"tocsin_[a-z0-9_]+", spec.exposed)
    assert spec.help.endswith(".")
    assert (spec.kind == "counter") == spec.exposed.endswith("_total")
    if spec.unit == "seconds" or spec.kind == "histogram":
        assert spec.name.endswith("_seconds")
    if spec.unit == "bytes":
        assert spec.name.endswith("_bytes")
    assert bool(spec.buckets) == (spec.kind == "histogram")
    assert list(spec.buckets) == sorted(set(spec.buckets))


def test_no_name_is_there_twice() -> None:
    assert len({spec.name for spec in TABLE}) == len(TABLE)


def test_what_was_counted_is_rendered_with_its_help() -> None:
    metrics = Metrics()
    metrics.count("receipts", 2, {"receiver": "on-call", "action": "trigger", "result": "refused"})
    metrics.set("disk_free_bytes", 7)
    metrics.observe("canary_seconds", 0.2)
    families = {
        family.name: family for family in text_string_to_metric_families(metrics.render().decode())
    }
    (sample,) = families["tocsin_receipts"].samples
    assert sample.value == 2
    assert sample.labels == {"receiver": "on-call", "action": "trigger", "result": "refused"}
    assert families["tocsin_receipts"].documentation == "What became of notifications."
    assert families["tocsin_disk_free_bytes"].samples[0].value == 7
    assert metrics.value("canary_seconds") == 1
    assert not [name for name in families if name.endswith("_created")]


def test_two_registries_do_not_share() -> None:
    one, other = Metrics(), Metrics()
    one.count("trimmed_records", 3)
    assert (one.value("trimmed_records"), other.value("trimmed_records")) == (3, 0)


def test_a_sampler_runs_before_each_rendering() -> None:
    metrics = Metrics()
    looks = iter((1.0, 2.0))
    metrics.on_render(lambda: metrics.set("lag_records", next(looks), {"task": "decide-0"}))
    assert b'tocsin_lag_records{task="decide-0"} 1.0' in metrics.render()
    assert b'tocsin_lag_records{task="decide-0"} 2.0' in metrics.render()


def test_values_beyond_the_bound_are_other() -> None:
    metrics = Metrics()
    for number in range(LABEL_VALUES_MAX + 50):
        metrics.count("outputs", 1, {"topic": f"t{number}"})
    assert metrics.value("outputs", {"topic": "t0"}) == 1
    assert metrics.value("outputs", {"topic": "other"}) == 50
    metrics.count("outputs", 1, {"topic": "t0"})
    assert metrics.value("outputs", {"topic": "t0"}) == 2


def test_series_beyond_the_bound_are_other() -> None:
    metrics = Metrics()
    for stage in range(60):
        for reason in range(60):
            metrics.count("reasons", 1, {"stage": f"s{stage}", "reason": f"r{reason}"})
    (family,) = [
        family
        for family in text_string_to_metric_families(metrics.render().decode())
        if family.name == "tocsin_reasons"
    ]
    assert len(family.samples) <= SERIES_MAX + 1
    assert sum(sample.value for sample in family.samples) == 3_600


def test_a_cleared_metric_says_nothing() -> None:
    metrics = Metrics()
    metrics.set("build_info", 1, {"version": "1", "installation": "a", "topology": "x"})
    metrics.clear("build_info")
    assert b"tocsin_build_info{" not in metrics.render()


def test_a_gauge_that_nobody_measures_is_absent() -> None:
    metrics = Metrics()
    gauges = [spec.exposed for spec in TABLE if spec.kind == "gauge"]
    shown = metrics.render().decode()
    samples = [line for line in shown.splitlines() if not line.startswith("#")]
    assert [name for name in gauges if any(line.startswith(name) for line in samples)] == []
    assert "# HELP tocsin_fault " not in shown
    assert "tocsin_trimmed_records_total 0.0" in samples, "a counter counts from 0"
    for value in (0, 1):
        metrics.set("fault", value)
        assert f"tocsin_fault {value}.0" in metrics.render().decode().splitlines()


def test_threads_that_set_a_gauge_first_do_not_clash() -> None:
    for _ in range(50):
        metrics = Metrics()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda value: metrics.set("fault", value), (1, 1, 1, 1)))  # noqa: B023
        assert metrics.value("fault") == 1


@pytest.mark.parametrize(
    ("act", "name"),
    [
        ("count", "nobody_declared_this"),
        ("set", "nobody_declared_this"),
        ("observe", "nobody_declared_this"),
        ("set", "trimmed_records"),
        ("observe", "disk_free_bytes"),
        ("count", "canary_seconds"),
    ],
)
def test_an_undeclared_metric_is_counted_and_harms_nobody(act: str, name: str) -> None:
    metrics = Metrics()
    getattr(metrics, act)(name, 5, {"a": "b"})
    assert metrics.value("undeclared_metrics") >= 1


def test_threads_lose_no_count() -> None:
    metrics = Metrics()

    def count(worker: int) -> None:
        for number in range(2_000):
            metrics.count("outputs", 1, {"topic": f"t{(number + worker) % 7}"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert sum(metrics.value("outputs", {"topic": f"t{n}"}) for n in range(7)) == 8_000


def used_names() -> Iterator[tuple[str, str, str]]:
    """(file, verb, name) of each metric that the product names where it counts."""
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if not is_call or not isinstance(node, ast.Call) or not node.args:
                continue
            whom = ast.unparse(node.func)
            first = node.args[0]
            if (
                whom.endswith(("deps.count", "metrics.count", "metrics.set", "metrics.observe"))
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ):
                yield path.relative_to(ROOT).as_posix(), whom.rpartition(".")[2], first.value


def test_every_metric_that_the_product_names_is_declared() -> None:
    used = list(used_names())
    assert any(file.startswith("pipeline/edge/") for file, _, _ in used)
    verbs = {"counter": {"count"}, "gauge": {"count", "set"}, "histogram": {"observe"}}
    known = {(verb, spec.name) for spec in TABLE for verb in verbs[spec.kind]}
    assert [use for use in used if use[1:] not in known] == []
