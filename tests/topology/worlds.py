"""What tests of the topology share: an environment, and a short way to load and to lint."""

from __future__ import annotations

from pathlib import Path

from pipeline.settings import secret_resolver
from pipeline.topology.complaint import Complaint
from pipeline.topology.declared import Topology
from pipeline.topology.load import check, load

HERE = Path(__file__).parent
CASES = HERE / "cases"
GOLDEN = HERE.parent / "golden" / "topology"
KEY = "0123456789abcdef0123456789abcdef"
ENVIRONMENT = {"KEY": KEY, "PAGERDUTY_ROUTING_KEY": KEY, "SHORT": "abc"}

resolve = secret_resolver(CASES, ENVIRONMENT)


def lint(text: str) -> list[Complaint]:
    """The complaints about a text, with the environment above."""
    return list(check(text, "t.yaml", resolve).complaints)


def loaded(text: str) -> Topology:
    """The topology of a text that is right."""
    return load(text, "t.yaml", resolve)
