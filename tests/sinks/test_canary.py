"""The sink that tells nobody: delivered at once, and nobody else can use it."""

from __future__ import annotations

import pytest

from pipeline import registry
from pipeline.domain.notification import ACTIONS
from pipeline.domain.sink import Delivered, Response
from pipeline.sinks.canary import RECEIVER, SINK, CanaryConfig
from pipeline.topology.complaint import TopologyError
from pipeline.topology.load import load
from tests.checks.sink import outcome_of, requests_of
from tests.stages.send.given import rich


@pytest.mark.parametrize("action", ACTIONS)
def test_it_delivers_without_a_request(action: str) -> None:
    told = rich(action)
    assert requests_of(SINK, CanaryConfig(), told, Response(status=500)) == []
    assert isinstance(outcome_of(SINK, CanaryConfig(), told, Response(status=500)), Delivered)
    assert registry.sinks()["canary"] is SINK


@pytest.mark.parametrize(
    ("receivers", "complaint"),
    [
        ("{mine: {sink: canary}}", "there is no such sink"),
        (f"{{{RECEIVER}: {{sink: webhook}}}}", "is Tocsin's own"),
    ],
)
def test_a_file_can_name_neither_it_nor_its_receiver(receivers: str, complaint: str) -> None:
    text = f"receivers: {receivers}\nroutes: {{receiver: none}}\n"
    with pytest.raises(TopologyError, match=complaint):
        load(text, "t.yaml", lambda _: None)  # type: ignore[arg-type,return-value]
