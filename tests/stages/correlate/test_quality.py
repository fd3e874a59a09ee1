"""Dependency grouping is as good as promised, on the stream whose seed was committed before it."""

from pipeline.simulate.stream import SEED, make
from tests.bench.correlation import (
    BCUBED_F1_MIN,
    DEPENDENCY,
    PAIRWISE_F1_MIN,
    measure,
)


def test_the_simulated_stream_is_grouped_as_well_as_promised() -> None:
    found, _ = measure(make(SEED), {"dependency": DEPENDENCY})
    assert found.pairwise_f1 >= PAIRWISE_F1_MIN
    assert found.bcubed_f1 >= BCUBED_F1_MIN
