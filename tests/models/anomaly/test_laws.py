"""The laws of every series, whatever is measured: kept equals restored, bad points change
nothing, state is bounded, and no value breaks it.
"""

from __future__ import annotations

import math
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.series import KEPT_BYTES_MAX, KeptSeries, Reading, SeriesDetector
from pipeline.models.anomaly.kept import RecordDetector, readings
from tests.models.anomaly.given import MINUTES_5, START, daily
from tests.real import ROOT

anything = st.one_of(
    st.floats(), st.integers(0, 5).map(float), st.sampled_from([1e308, -1e308, 5e-324, 0.0])
)
instants = st.one_of(st.integers(), st.integers(0, 2**41))
DETECTOR: SeriesDetector = RecordDetector()


def kept_readings(points: list[tuple[int, float]]) -> list[Reading]:
    kept, made = None, []
    for at_ms, value in points:
        kept, reading = DETECTOR.observe(kept, at_ms, value)
        made.append(reading)
    return made


def test_a_series_that_is_kept_after_each_point_says_what_one_in_memory_says() -> None:
    points = daily(1500, seed=3, bumps={700: 90.0, 1400: -60.0})
    in_memory = list(readings(points))

    assert repr(kept_readings(points)) == repr(in_memory)
    assert any(each.is_anomaly for each in in_memory)


@pytest.mark.parametrize("broken_at", [0, 10, 31, 32, 99, 100, 600])
def test_restored_at_any_place_it_goes_on_bit_for_bit(broken_at: int) -> None:
    points = daily(800, seed=5, bumps={700: 200.0})
    straight = restored = None
    for index, (at_ms, value) in enumerate(points):
        straight, first = DETECTOR.observe(straight, at_ms, value)
        if index == broken_at and restored is not None:
            raw = msgspec.msgpack.encode(restored)
            restored = msgspec.msgpack.decode(raw, type=KeptSeries)
        restored, second = DETECTOR.observe(restored, at_ms, value)
        assert repr(first) == repr(second)
        assert straight == restored


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_changes_nothing(bad: float) -> None:
    kept = None
    for at_ms, value in daily(300, seed=1):
        kept, _ = DETECTOR.observe(kept, at_ms, value)
        after, reading = DETECTOR.observe(kept, at_ms + 1, bad)
        assert after == kept
        assert not reading.is_anomaly


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(instants, anything), max_size=300))
def test_no_point_breaks_it_and_its_state_is_bounded(points: list[tuple[int, float]]) -> None:
    kept = None
    for at_ms, value in points:
        kept, reading = DETECTOR.observe(kept, at_ms, value)
        assert len(kept.packed) <= KEPT_BYTES_MAX
        assert 0.0 <= reading.strength <= 60.0
        if reading.is_learned:
            assert math.isfinite(reading.expected)
            assert reading.low <= reading.expected <= reading.high


def test_a_clock_that_jumps_moves_the_hour_and_nothing_else() -> None:
    points = [(START + index * MINUTES_5, 50.0 + index % 7) for index in range(600)]
    jumping = [(at_ms - (index == 400) * 10**12, value) for index, (at_ms, value) in
               enumerate(points)]  # fmt: skip

    assert not any(each.is_anomaly for each in readings(jumping))


@pytest.mark.parametrize(
    "kept",
    [
        KeptSeries("of-another-detector", b"\xc0"),
        KeptSeries(DETECTOR.version, b""),
        KeptSeries(DETECTOR.version, b"\x93\x01\x02\x03"),
        KeptSeries(DETECTOR.version, msgspec.msgpack.encode([1, 0.0, True, [[0, 1.0]] * 40, []])),
    ],
)
def test_what_can_not_be_read_begins_anew(kept: KeptSeries) -> None:
    assert DETECTOR.observe(kept, START, 1.0) == DETECTOR.observe(None, START, 1.0)


def test_another_process_makes_the_same_bytes() -> None:
    program = (
        "from pipeline.models.anomaly.kept import RecordDetector\n"
        "from tests.models.anomaly.given import daily\n"
        "kept = None\n"
        "for at_ms, value in daily(500, seed=9):\n"
        "    kept, _ = RecordDetector().observe(kept, at_ms, value)\n"
        "print(kept.packed.hex())\n"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "42")
    }

    assert len(made) == 1
    assert len(made.pop()) > 1000


def test_it_needs_neither_numpy_nor_river() -> None:
    program = (
        "import sys, pipeline.models.anomaly.kept\n"
        "print([each for each in ('numpy', 'river') if each in sys.modules])"
    )
    run = [sys.executable, "-c", program]

    assert subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout == (
        "[]\n"
    )
