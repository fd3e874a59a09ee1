"""Wakes: replaced by a later wish, run in order, at most a thousand, gone when they raise."""

from __future__ import annotations

from typing import Any

from pipeline.domain.alert import Alert
from pipeline.domain.stage import Context, TableSpec
from tests.chain import Chain
from tests.engine.toys import COUNTS, Counter, alert


def wish(chain: Chain, key: str, at_ms: int) -> None:
    chain.send("alerts", key, alert(key, starts_at_ms=at_ms))


def test_wakes_run_in_the_order_of_time_stage_and_key() -> None:
    stage = Counter()
    chain = Chain([stage])
    t = chain.now_ms
    for key, at_ms in (("wake-b", t + 20), ("wake-a", t + 20), ("wake-c", t + 10)):
        wish(chain, key, at_ms)
    chain.advance("1m")
    assert stage.woken == [("wake-c", t + 10), ("wake-a", t + 20), ("wake-b", t + 20)]


def test_a_later_wish_replaces_and_zero_takes_back() -> None:
    stage = Counter()
    chain = Chain([stage])
    t = chain.now_ms
    wish(chain, "wake-a", t + 10)
    wish(chain, "wake-a", t + 50)
    wish(chain, "wake-b", t + 10)
    wish(chain, "wake-b", 0)
    chain.advance("1m")
    assert stage.woken == [("wake-a", t + 50)]


def test_wakes_outlive_the_process() -> None:
    chain = Chain([Counter()])
    wish(chain, "wake-a", chain.now_ms + 10)
    second = Counter()
    chain.restart(second)
    chain.advance("1m")
    assert [key for key, _ in second.woken] == ["wake-a"]


def test_at_most_a_thousand_run_in_one_epoch() -> None:
    stage = Counter()
    chain = Chain([stage])
    at_ms = chain.now_ms + 5
    chain.run(
        [
            chain.record("alerts", f"wake-{n}", alert(f"wake-{n}", starts_at_ms=at_ms))
            for n in range(1_500)
        ]
    )
    chain.now_ms += 10
    assert chain.run([]).events == 1_000
    assert chain.run([]).events == 500
    assert chain.run([]).events == 0


def test_a_wake_that_raises_is_dead_lettered_and_removed() -> None:
    stage = Counter()
    chain = Chain([stage])
    wish(chain, "wake-boom", chain.now_ms + 5)
    wish(chain, "wake-ok", chain.now_ms + 5)
    chain.advance("1m")
    (letter,) = chain.outputs("dead-letters")
    assert (letter.topic, letter.key, letter.stage) == ("", "wake-boom", "toy")
    assert "woken wake-boom" not in chain.table(COUNTS)
    assert "woken wake-ok" in chain.table(COUNTS)
    chain.advance("1m")
    assert chain.outputs("dead-letters") == []


def test_a_wake_that_asks_for_now_runs_in_the_next_epoch() -> None:
    stage = Counter()
    chain = Chain([stage])
    wish(chain, "wake-again", chain.now_ms)
    assert chain.run([]).events == 1
    assert chain.run([]).events == 1


def test_a_wake_acts_for_the_tenant_that_asked_for_it() -> None:
    chain = Chain([Tenants()])
    for tenant in ("", "team-a"):
        headers = {"tenant": tenant} if tenant else {}
        event = alert(f"of {tenant}", starts_at_ms=chain.now_ms + 5)
        chain.send("alerts", "k", event, headers)
    chain.restart()
    chain.advance("1m")
    assert [each.name for each in chain.outputs("alerts")] == ["default", "team-a"]


class Tenants:
    """Asks to be woken, and then emits the tenant for whom it is."""

    name = "tenants"
    accepts = (Alert,)
    tables: tuple[TableSpec[Any], ...] = ()

    def process(self, event: Alert, ctx: Context) -> None:
        """Ask for the wake."""
        ctx.wake_at(event.name, event.starts_at_ms)

    def wake(self, key: str, ctx: Context) -> None:
        """Say for whom it is."""
        ctx.emit("alerts", key, alert(ctx.origin.tenant))
