"""A receiver as topology.yaml holds it: the common fields and the sink's, inline and checked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from pipeline.domain.secret import Secret
from pipeline.domain.units import Duration, Rate, decode_unit
from pipeline.domain.wiring import Wiring
from pipeline.sinks.pagerduty import SINK as PAGERDUTY
from pipeline.sinks.pagerduty import PagerDutyConfig
from pipeline.sinks.webhook import SINK as WEBHOOK
from pipeline.stages.send import build
from pipeline.stages.send.config import Receiver, receiver_config, sink_config
from tests.stages.send.given import ROUTING_KEY, SIGNING_SECRET, pager

SECRETS = {"env:KEY": ROUTING_KEY, "env:HOOK": SIGNING_SECRET, "env:SHORT": "too-short-a-key"}


def hook(kind: type, value: Any) -> Any:
    return Secret(SECRETS[value]) if kind is Secret else decode_unit(kind, value)


def decode(sink: Any, value: dict[str, Any]) -> Receiver:
    return msgspec.convert(value, receiver_config(sink), dec_hook=hook)


def test_common_and_own_fields_stand_inline() -> None:
    receiver = decode(
        PAGERDUTY,
        {"sink": "pagerduty", "routing_key": "env:KEY", "rate": "10/s", "repeat": False},
    )
    assert isinstance(receiver, Receiver)
    assert (receiver.rate, receiver.repeat) == (Rate.parse("10/s"), Duration(0))
    own = sink_config(receiver, PAGERDUTY.config_type)
    assert own == PagerDutyConfig(routing_key=Secret(ROUTING_KEY))


def test_defaults() -> None:
    receiver = decode(PAGERDUTY, {"sink": "pagerduty", "routing_key": "env:KEY"})
    assert receiver.rate == Rate.parse("120/m")
    assert receiver.in_flight_max == 100
    assert receiver.repeat is None
    assert receiver.delivery == "at_least_once"
    assert receiver.give_up == Duration.parse("24h")


@pytest.mark.parametrize(
    ("sink", "value", "complaint"),
    [
        (PAGERDUTY, {"routing_key": "env:KEY", "colour": "red"}, "colour"),
        (PAGERDUTY, {}, "routing_key"),
        (PAGERDUTY, {"routing_key": "env:SHORT"}, "32 characters"),
        (PAGERDUTY, {"routing_key": "env:KEY", "rate": 120}, "unit"),
        (PAGERDUTY, {"routing_key": "env:KEY", "rate": "0/m"}, "no rate"),
        (PAGERDUTY, {"routing_key": "env:KEY", "in_flight_max": 0}, "in_flight_max"),
        (PAGERDUTY, {"routing_key": "env:KEY", "give_up": "off"}, "give_up"),
        (PAGERDUTY, {"routing_key": "env:KEY", "delivery": "twice"}, "delivery"),
        (WEBHOOK, {"url": "ftp://x", "secret": "env:HOOK"}, "url"),
        (WEBHOOK, {"url": "https://x", "secret": "env:KEY"}, "whsec_"),
        (WEBHOOK, {"url": "https://x", "secret": "env:HOOK", "routing_key": "env:KEY"}, "routing"),
    ],
)
def test_mistakes_are_told_without_any_secret(
    sink: Any, value: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint) as failed:
        decode(sink, {"sink": sink.name, **value})
    assert not any(secret in str(failed.value) for secret in SECRETS.values())


class Clashing(Struct, frozen=True):
    """Settings that take a name which every receiver has."""

    rate: int = 1


def test_a_sink_cannot_take_a_common_name() -> None:
    class Sink:
        name = "clashing"
        config_type = Clashing
        has_idempotency = False
        send = None

    with pytest.raises(TypeError, match="rate"):
        receiver_config(Sink())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "on/call"])
def test_a_receiver_has_a_name_that_can_be_part_of_a_key(name: str) -> None:
    with pytest.raises(ValueError, match="slash"):
        build(Wiring(sections={"receivers": {name: pager()}}))
