"""Foresight learns what foretells, when it has turned out, and is kept bit for bit."""

import msgspec
import pytest

from pipeline.domain.model import SnapshotError
from pipeline.models.foresight import predict
from pipeline.models.foresight.predict import HORIZON_MS, PENDING_MAX, Foresight, State
from tests.models.foresight.given import MINUTE_MS, START_MS, lived


def test_what_foretells_is_told_from_what_does_not() -> None:
    model = Foresight()
    lived(model, 200)
    at_ms = START_MS + 200 * 60 * MINUTE_MS
    for minute in (0, 5, 10):
        model.alerted("api", "DiskSlow", 3, at_ms + minute * MINUTE_MS)
    model.alerted("web", "CpuHigh", 2, at_ms)
    later_ms = at_ms + 12 * MINUTE_MS
    threatened = model.risk("api", (), later_ms)
    calm = model.risk("web", (), later_ms)
    assert threatened > 0.4
    assert calm < threatened / 4


@pytest.mark.parametrize(("minutes_before", "learned"), [(31, 1), (30, 1), (5, 1), (0, 0)])
def test_an_incident_is_learned_at_once_and_never_by_what_is_asked_after_it(
    minutes_before: int, learned: int
) -> None:
    model = Foresight()
    model.risk("api", (), START_MS)
    model.opened("api", START_MS + minutes_before * MINUTE_MS)
    assert model.learned_count == learned


def test_only_answers_within_the_horizon_foretold_it() -> None:
    def risk_after(minutes: int) -> float:
        model = Foresight()
        for _ in range(5):
            model.risk("api", (), START_MS)
        model.opened("api", START_MS + minutes * MINUTE_MS)
        return model.risk("other", (), START_MS)

    assert risk_after(30) > risk_after(31)


def test_silence_is_learned_when_the_horizon_has_passed() -> None:
    model = Foresight()
    model.risk("api", (), START_MS)
    model.risk("api", (), START_MS + HORIZON_MS - 1)
    assert model.learned_count == 0
    model.risk("api", (), START_MS + HORIZON_MS)
    assert model.learned_count == 1


@pytest.mark.parametrize("hours", [0, 7, 31])
def test_restored_is_the_model_that_was_never_interrupted(hours: int) -> None:
    model = Foresight()
    lived(model, hours)
    restored = Foresight.restore(model.snapshot())
    assert restored.snapshot() == model.snapshot()
    assert lived(restored, 9, from_hour=hours) == lived(model, 9, from_hour=hours)
    assert restored.snapshot() == model.snapshot()


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "SERVICES_MAX", 10)
    model = Foresight()
    for number in range(200):
        model.alerted(f"service-{number}" * 40, f"rule-{number}" * 40, 3, START_MS + number)
        for _ in range(2 * PENDING_MAX):
            model.risk(f"service-{number}" * 40, (), START_MS + number)
    state = msgspec.msgpack.decode(model.snapshot(), type=State)
    assert len(state.services) == 10
    assert max(len(asked) for _, _, asked in state.services) == PENDING_MAX


@pytest.mark.parametrize("at_ms", [0, -5, 2**62, START_MS])
def test_clocks_that_jump_and_odd_names_are_borne(at_ms: int) -> None:
    model = Foresight()
    lived(model, 3)
    model.alerted("\ud800", "", 99, at_ms)
    model.alerted("api", "x" * 10_000, -1, at_ms)
    model.changed("", at_ms)
    model.opened("api", at_ms)
    for each in ("api", "", "\ud800", "never seen"):
        assert 0 <= model.risk(each, ("api", "nobody", each), at_ms) <= 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "content"),
        (b"\xc1", "content"),
        (msgspec.msgpack.encode(State(99, 1, 0, [], [])), "format"),
        (msgspec.msgpack.encode(State(1, 99, 0, [], [])), "features"),
        (msgspec.msgpack.encode(State(1, 1, 0, [], [(10**6, 1.0, 1.0)])), "content"),
        (msgspec.msgpack.encode(State(1, 1, 0, [], [(1, float("nan"), 1.0)])), "content"),
        (msgspec.msgpack.encode(State(1, 1, 0, [], [(1, 1.0, -1.0)])), "content"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(SnapshotError) as caught:
        Foresight.restore(raw)
    assert caught.value.reason == reason
