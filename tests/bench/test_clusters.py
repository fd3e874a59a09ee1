"""The measures of grouping against values worked out by hand."""

import pytest

from tests.bench.clusters import agreement


@pytest.mark.parametrize(
    ("true", "predicted", "pairwise", "precision", "recall"),
    [
        ("aabb", "xxyy", 1.0, 1.0, 1.0),
        ("aabb", "wxyz", 0.0, 1.0, 0.5),
        ("aabb", "xxxx", 2 * 2 / (2 + 6), 0.5, 1.0),
        ("abcd", "wxyz", 1.0, 1.0, 1.0),
        # One of a's three stands with b: 1 of 3 pairs found, of 2 claimed.
        ("aaab", "xxyy", 2 * 1 / (3 + 2), 0.75, (2 * 2 / 3 + 1 / 3 + 1) / 4),
    ],
)
def test_agreement(
    true: str, predicted: str, pairwise: float, precision: float, recall: float
) -> None:
    found = agreement(true, predicted)
    assert found.pairwise_f1 == pytest.approx(pairwise)
    assert found.precision == pytest.approx(precision)
    assert found.recall == pytest.approx(recall)
    f1 = 2 * precision * recall / (precision + recall)
    assert found.bcubed_f1 == pytest.approx(f1)
    assert found.groups == len(set(predicted))
