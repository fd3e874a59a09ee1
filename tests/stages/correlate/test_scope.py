"""The scope that correlate finds is the key under which enrich wrote the alert."""

import pytest

from pipeline.stages.correlate.grouping import reader
from pipeline.stages.enrich.stage import scope_value
from tests.stages.correlate.alerts import firing


@pytest.mark.parametrize(
    "name", ["region", "cluster", "team", "labels", "value", "is_test", "is_firing", "absent"]
)
def test_both_stages_read_a_scope_alike(name: str) -> None:
    labels = {"region": "label", "cluster": "label", "team": "label", "is_test": "label"}
    for alert in (
        firing("A", labels=labels),
        firing("A", labels=labels, region="", cluster="field"),
        firing("A", region=""),
    ):
        assert reader(name)(alert) == scope_value(alert, name)
