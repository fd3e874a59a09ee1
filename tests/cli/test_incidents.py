"""How the list says what became of telling people."""

from __future__ import annotations

from pipeline.cli.incident import held_back
from pipeline.cli.incidents import LATE, LATE_MS, told, waiting
from pipeline.cli.output import counted
from pipeline.cli.times import now_ms


def delivery(age_ms: int, result: str) -> dict[str, object]:
    return {"receiver": "on-call", "result": result, "notified_at_ms": now_ms() - age_ms}


def test_what_has_no_receipt_is_on_its_way_only_for_a_while() -> None:
    assert waiting(now_ms()) == "on its way"
    assert waiting(now_ms() - LATE_MS - 1_000) == LATE
    for age_ms, result, said in (
        (0, "", "on its way"),
        (LATE_MS + 1_000, "", LATE),
        (LATE_MS + 1_000, "delivered", "delivered"),
    ):
        row = {"routing": {"deliveries": [delivery(age_ms, result)], "muted_by": ()}}
        assert said in told(row)


def test_one_is_no_plural() -> None:
    assert [counted(n, "page") for n in (0, 1, 2_000)] == ["0 pages", "1 page", "2,000 pages"]


def test_what_is_held_back_says_until_when_and_how_to_end_it() -> None:
    routing = {
        "deliveries": (),
        "muted_by": (),
        "paused_until_ms": 90_000,
        "held": [{"receiver": "on-call", "reason": "route.paused"}],
    }
    assert "held back as quiet" in told({"routing": routing})
    assert "`tocsin page s.1` ends it" in held_back({"incident_id": "s.1", "routing": routing})
    over = {**routing, "held": [{"receiver": "on-call", "reason": "route.passed"}]}
    assert "nobody" in told({"routing": over})
    assert "ends it" not in held_back({"incident_id": "s.1", "routing": over})
    assert held_back({"incident_id": "s.1", "routing": {**routing, "paused_until_ms": 0}}) == ""
