"""Laws of `foresee`: what it keeps is bounded, whatever comes, and no clock breaks it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.app.learning import Learned
from pipeline.domain.alert import SEVERITIES, Alert
from pipeline.domain.foresight import HEAD
from pipeline.domain.incident import Incident
from pipeline.domain.model import Features
from pipeline.domain.reason import Reason
from pipeline.domain.record import Origin
from pipeline.domain.stage import TableSpec, Update
from pipeline.domain.wiring import Wiring
from pipeline.stages import foresee
from pipeline.stages.foresee.stage import SERVICES_MAX
from pipeline.stages.foresee.tables import SERVICES
from pipeline.stages.foresee.waiting import (
    WAITING_MAX,
    Waiting,
    answer,
    came,
    features_of,
    settled,
    with_answer,
)
from tests.stages.foresee.given import SCOPE, START_MS, World

ROW_BYTES_MAX = 16_384


class Rows(dict[str, Any]):
    """A table that is a dict."""

    put = dict.__setitem__
    delete = dict.__delitem__


class Bare:
    """A context of one instant, which only counts what it is asked."""

    origin = Origin("alerts", 0, 0, 0, "default", "")

    def __init__(self) -> None:
        self.now_ms = self.timestamp_ms = START_MS
        self.tables: dict[str, Rows] = {}
        self.reasons: Counter[str] = Counter()

    def table(self, spec: TableSpec[Any]) -> Any:
        return self.tables.setdefault(spec.name, Rows())

    def lookup(self, name: str) -> dict[str, Any]:
        return {}

    def forward(self, event: Any) -> None:
        """Goes nowhere."""

    def wake_at(self, key: str, at_ms: int) -> None:
        """Never comes."""

    def reason(self, why: Reason, **facts: object) -> None:
        self.reasons[why.name] += 1


def test_a_hundred_thousand_services_of_one_scope_are_no_more_than_the_bound() -> None:
    stage, ctx = foresee.build(Wiring(learning=Learned())), Bare()
    for number in range(100_000):
        alert = Alert(alert_id="a", fingerprint="f", name="CpuHigh", service=f"s{number}")
        incident = Incident(
            incident_id=f"{SCOPE}.{number}", scope_id=SCOPE, tenant="default", status="triggered",
            title="", severity="warning", group_key="", rule="", service=alert.service,
        )  # fmt: skip
        stage.process(Update(incident=incident, cause=alert), ctx)  # type: ignore[arg-type]
    assert len(ctx.tables[SERVICES.name]) == SERVICES_MAX
    assert ctx.reasons["foresee.full"] == 100_000 - SERVICES_MAX


def test_the_row_of_a_service_is_bounded_however_many_rules_and_incidents_it_has() -> None:
    world = World(learning=Learned())
    for number in range(200):
        severity = "critical" if number % 3 else "warning"
        world.fires(f"{number}-" + "é" * 300, "s" * 500, severity=severity)
        world.chain.advance("3m")
    (row,) = world.chain.table(SERVICES).values()
    assert len(msgspec.msgpack.encode(row)) < ROW_BYTES_MAX
    assert len(row.waiting) <= WAITING_MAX


steps = st.lists(
    st.tuples(
        st.sampled_from(["shop", "db", "\ufffd", ""]),
        st.sampled_from(SEVERITIES),
        st.sampled_from([0, 1, 10_000, 299_999, 1_800_000, 2**33]),
        st.sampled_from([0, 1, START_MS, START_MS + 2**40, 2**45]),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(steps, st.booleans())
def test_clocks_that_jump_break_nothing_and_each_answer_is_told_once(
    given_steps: list[tuple[str, str, int, int]], is_paging: bool
) -> None:
    world = World({"shop": ("db",)}, page_at=0.01 if is_paging else None)
    world.publish(dict.fromkeys(range(11), 0.5))
    for service, severity, later_ms, starts_at_ms in given_steps:
        world.fires("CpuHigh", service, severity=severity, starts_at_ms=starts_at_ms)
        world.chain.now_ms += later_ms  # what was due meanwhile is late
        world.chain.run([])
        world.own()
    world.chain.advance("3h")
    world.own()
    world.chain.advance("3h")
    told = world.outcomes()
    keys = Counter((each.rows, each.decided_at_ms, each.incident_id) for each in told)
    assert all(each.labels[HEAD] in ("yes", "no") for each in told)
    assert all(each.turned_out_at_ms >= each.decided_at_ms for each in told)
    assert len(told) <= world.chain.reasons.get("foresee.asked", 0)
    assert max(keys.values(), default=0) <= 2  # of two services at once
    assert all(not each.told_at_ms for each in world.chain.table(SERVICES).values())
    assert world.chain.reasons.get("dead-letter.raised", 0) == 0


instants = st.integers(0, 10**8)


@given(st.lists(instants, max_size=30), instants)
def test_an_answer_waits_or_has_turned_out_never_both(asked: list[int], at_ms: int) -> None:
    waiting: Waiting = ()
    for each in sorted(asked):
        waiting = with_answer(waiting, answer(Features((33,), (1.0,)), each))
    assert len(waiting) <= WAITING_MAX
    later, foretold, harmless = came(waiting, at_ms)
    assert (*harmless, *foretold, *later) == waiting
    assert all(at_ms - 1_800_000 <= each.at_ms < at_ms for each in foretold)
    still, over = settled(waiting, at_ms)
    assert (*over, *still) == waiting


@given(
    st.lists(st.integers(0, 65_535), max_size=128),
    st.lists(st.floats(allow_nan=False), max_size=40),
)
def test_features_are_kept_to_the_bit(rows: list[int], dense: list[float]) -> None:
    features = Features(tuple(rows), tuple(dense))
    assert features_of(answer(features, 0)) == features
