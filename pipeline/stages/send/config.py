"""A receiver in topology.yaml: what holds for every sink, joined with the sink's own fields.

Both stand inline in one mapping, so each sink gets a Struct of its own that has the fields of
`Receiver` and of its `config_type`; topology decodes into that, and a sink gets its part back.
"""

from __future__ import annotations

from typing import Any, Final, Literal, cast

import msgspec
from msgspec import NODEFAULT, Struct

from pipeline.domain.sink import Sink
from pipeline.domain.units import Duration, Rate

CALL_DEADLINE_MS: Final = 5_000
"""All requests of one attempt together end within this time; the delivery loop sees to it."""


class Receiver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every receiver may set, whatever its sink."""

    sink: str
    """The sink's name in the registry."""

    rate: Rate = Rate(7_200)
    """Calls per time, counted over a sliding minute (over an hour below 1/m). What is over it
    waits in the outbox, where later notifications of an incident take the place of earlier
    ones. The default of 120/m is what PagerDuty takes per key."""

    in_flight_max: int = 100
    """Calls under way at once; further ones wait in the outbox."""

    repeat: Duration | None = None
    """How long after a trigger that nobody acknowledged the next one follows; off: never.
    Unset: as the route says. Read by the stage `route`."""

    batch: bool = False
    """Whether the route's `wait` delays this receiver's first notification. Read by `route`."""

    changes: bool = False
    """Whether deploys and other changes of services are told as well, once each: as PagerDuty's
    change events, or a webhook's `service.changed`. Read by `announce`."""

    delivery: Literal["at_least_once", "at_most_once"] = "at_least_once"
    """What to do when a call got no answer: repeat it, or leave it with the receipt
    `ambiguous`."""

    give_up: Duration = Duration(86_400_000)
    """How long a notification is tried; then it gets the receipt `refused`."""

    breaker_failures: int = 5
    """After so many failed calls in a row nothing is called until one probe succeeds."""

    breaker_cool_down: Duration = Duration(5_000)
    """How long until the first probe; doubled with each failed probe up to a minute."""

    outbox_max: int = 100_000
    """Notifications that may wait. At the limit acknowledgements, changes and repeated triggers
    are dropped with a receipt; at twice the limit everything is refused with one."""

    def __post_init__(self) -> None:
        for name in ("in_flight_max", "breaker_failures", "outbox_max", "give_up"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1")


def receiver_config(sink: Sink) -> type[Receiver]:
    """The Struct that a receiver of this sink is decoded into: `Receiver` and the sink's fields.

    Its `__post_init__` builds the sink's own Struct, so that its checks run while decoding.
    """
    sink_name, config_type = sink.name, sink.config_type
    common = {field.name for field in msgspec.structs.fields(Receiver)}
    fields: list[Any] = []
    for field in msgspec.structs.fields(config_type):
        if field.name in common:
            raise TypeError(f"sink {sink_name}: `{field.name}` is a field of every receiver")
        if field.default_factory is not NODEFAULT:
            default = msgspec.field(default_factory=cast("Any", field.default_factory))
            fields.append((field.name, field.type, default))
        elif field.default is not NODEFAULT:
            fields.append((field.name, field.type, field.default))
        else:
            fields.append((field.name, field.type))

    def check(self: Receiver) -> None:
        Receiver.__post_init__(self)
        sink_config(self, config_type)

    made = msgspec.defstruct(
        f"{sink_name.title()}Receiver",
        fields,
        bases=(Receiver,),
        namespace={"__post_init__": check, "__doc__": config_type.__doc__},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return cast("type[Receiver]", made)


def sink_config(receiver: Receiver, config_type: type[Struct]) -> Any:
    """The sink's own part of a receiver. Raises ValueError where the sink finds it wrong."""
    return config_type(**{name: getattr(receiver, name) for name in config_type.__struct_fields__})
