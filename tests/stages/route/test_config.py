"""The section `inhibit`, and what receivers say for themselves."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.domain.units import Duration
from pipeline.domain.wiring import Wiring
from pipeline.stages.route import build
from pipeline.stages.route.config import INHIBITIONS_MAX, Inhibition, Route
from pipeline.stages.send.config import Receiver
from tests.stages.route.world import World


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{source: [a=b]}", "missing required field `target`"),
        ("{source: [], target: [a=b]}", "at least one matcher"),
        ("{source: ['{}'], target: [a=b]}", "at least one matcher"),
        ("{source: [a], target: [a=b]}", "an operator is missing"),
        ("{source: [a=b], target: [a=b], equals: [x]}", "unknown field"),
        ("{source: [a=b], target: [a=b], equal: [" + "x," * 21 + "]}", "more than 20"),
    ],
)
def test_an_inhibition_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.yaml.decode(text, type=Inhibition)


def test_too_many_inhibitions_are_refused() -> None:
    one = Inhibition(source=("a=b",), target=("c=d",))
    sections = {"routes": Route(receiver="none"), "inhibit": (one,) * (INHIBITIONS_MAX + 1)}
    with pytest.raises(ValueError, match=f"{INHIBITIONS_MAX} are allowed"):
        build(Wiring(sections=sections))


def test_pagerduty_is_not_repeated_to_unless_its_receiver_says_so() -> None:
    root = Route(receiver="on-call", repeat=Duration.parse("1h"))
    quiet = World(root, receivers={"on-call": Receiver(sink="pagerduty")})
    quiet.open()
    assert quiet.advance("5h") == []
    loud = Receiver(sink="pagerduty", repeat=Duration.parse("2h"))
    world = World(root, receivers={"on-call": loud})
    world.open()
    assert len(world.advance("5h")) == 2
