"""What a silence would mute, before it is made."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.incident import Incident
from pipeline.domain.silence import Silence
from pipeline.oncall.maintenance import Window
from pipeline.stages.route.preview import preview
from tests.stages.route.world import ref

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SILENCE = Silence(
    silence_id="s",
    tenant="default",
    matchers=("alertname=Down",),
    starts_at_ms=DAY_MS,
    ends_at_ms=3 * DAY_MS,
    created_by="ann",
)


def incident(incident_id: str, *names: str, **facts: Any) -> Incident:
    given_facts: dict[str, Any] = {"tenant": "default", "status": "triggered"}
    return Incident(
        incident_id=incident_id,
        scope_id="s",
        title="t",
        severity="error",
        group_key="g",
        rule="r",
        alerts=tuple(ref(name) for name in names),
        alert_count=len(names),
        firing_count=len(names),
        **(given_facts | facts),
    )


def test_it_names_what_would_be_muted_wholly_and_in_part() -> None:
    found = preview(
        SILENCE,
        [
            incident("s.1", "Down"),
            incident("s.2", "Down", "Slow"),
            incident("s.3", "Slow"),
            incident("s.4", "Down", tenant="other"),
            incident("s.5", "Down", status="resolved"),
        ],
        now_ms=DAY_MS,
    )
    assert (found.muted, found.partly) == (("s.1",), ("s.2",))
    assert (found.muted_count, found.partly_count) == (1, 1)
    assert found.is_active
    assert found.windows == (Window(DAY_MS, 3 * DAY_MS),)


def test_it_shows_the_windows_to_come() -> None:
    maintenance = replace(SILENCE, rrule="FREQ=DAILY", duration_ms=HOUR_MS)
    found = preview(maintenance, [], now_ms=0, windows_max=9)
    assert not found.is_active
    assert found.windows == (
        Window(DAY_MS, DAY_MS + HOUR_MS),
        Window(2 * DAY_MS, 2 * DAY_MS + HOUR_MS),
    )


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"matchers": ()}, "does not match an absent label"),
        ({"matchers": ("a!=b",)}, "does not match an absent label"),
        ({"matchers": ("a",)}, "an operator is missing"),
        ({"rrule": "FREQ=DAILY"}, "needs a duration"),
        ({"ends_at_ms": 5}, "needs an end"),
        ({"starts_at_ms": 1, "ends_at_ms": 2}, "it is over"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(facts: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        preview(replace(SILENCE, **facts), [], now_ms=DAY_MS)
