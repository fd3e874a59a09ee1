"""How long incidents of one kind last: a quantile of few counters, and nothing of too few."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.stages.route.lasted import (
    COUNT_MAX,
    EDGES_MS,
    KINDS_MAX,
    KNOWN_MIN,
    counted,
    kind_key,
    lasted_ms,
    learned_ms,
)
from pipeline.stages.route.tables import LastedRow
from tests.stages.classify.given import incident, ref


def row(*lasted: int) -> LastedRow | None:
    found = None
    for each in lasted:
        found = counted(found, each)
    return found


def test_too_few_ends_say_nothing() -> None:
    assert learned_ms(None) == 0
    assert learned_ms(row(*[60_000] * (KNOWN_MIN - 1))) == 0
    assert learned_ms(row(*[60_000] * KNOWN_MIN)) >= 60_000


def test_nine_of_ten_are_over_by_then() -> None:
    found = row(*[10_000] * 89, *[100_000] * 2, *[3_600_000] * 9)
    assert 100_000 <= learned_ms(found) < 150_000


def test_what_is_longer_than_all_counts_as_the_longest() -> None:
    assert learned_ms(row(*[10**12] * KNOWN_MIN)) == EDGES_MS[-1]
    assert learned_ms(row(*[0] * KNOWN_MIN)) == EDGES_MS[0] == 1_000


def test_old_ends_fade() -> None:
    old = row(*[3_600_000] * (COUNT_MAX - 1))
    new = row(*[10_000] * COUNT_MAX)
    assert new is not None
    assert sum(new.counts) == COUNT_MAX // 2
    assert learned_ms(old) > learned_ms(new)


def test_a_kind_is_what_opened_it_and_kinds_are_bounded() -> None:
    one = incident("HighCPU")
    assert kind_key(one) == kind_key(replace(one, title="other", severity="info"))
    assert kind_key(one) != kind_key(incident("DiskFull"))
    keys = {kind_key(incident(f"n{n}")) for n in range(5_000)}
    assert len(keys) <= KINDS_MAX
    assert kind_key(replace(one, alerts=())).startswith(one.scope_id)


def test_it_lasts_until_its_last_alert_ended() -> None:
    opened = incident().opened_at_ms
    ended = tuple(ref(f"a{n}", ends_at_ms=opened + n * 1_000) for n in range(4))
    over = incident(alerts=ended, resolved_at_ms=opened + 600_000)
    assert lasted_ms(over) == 3_000
    assert lasted_ms(replace(over, alerts=())) == 600_000
    assert lasted_ms(replace(over, opened_at_ms=opened + 10_000)) == 0
