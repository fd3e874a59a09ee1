"""Outcome: what a model learns from; ModelRecord: what a model publishes of itself.

An Outcome stands on `outcomes` under the name of its model. It carries the features as they were
when it was decided, since labels come late. A ModelRecord stands on `models`: the chunks of a
snapshot, and under the model's name the head record that says which slot is whole.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct, field

from pipeline.domain.model import Snapshot

INCIDENTS: Final = "incidents"
LINKS: Final = "links"
FORESIGHT: Final = "foresight"
"""A model is named `<word>@<tenant>`, or `<word>+<pool>` where tenants share it; the word says of
which kind it is: of incidents, of the links between an alert and an incident, or of what comes."""

NAME_END: Final = re.compile("[@+]")

ORDERS: Final = ("rollback", "shadow", "unshadow", "promote")

SHADOW: Final = "~shadow"
"""The end of a shadow's name; that of a model whose incidents are judged has none."""

SLOTS: Final = 2
"""A snapshot is written to the slot that does not hold the last one: one of two is always whole."""

HEAD: Final = -1
"""The index of a head record."""


class Outcome(Struct, frozen=True, kw_only=True):
    """Of one incident: what was decided by which version, on which features, what turned out.

    `rows` are the hashed active tokens, ascending; `dense` the figures beside them; both as
    `features_version` made them. `decided` and `labels` go from head to label: `labels` holds
    only what turned out, for which `because` gives the reason's name. `verdict` is REAL or QUIET
    of domain.stakes where it is now known which ("": it is not, or was said before), and
    `quiet_chance` the highest chance of being quiet that it was given (-1: none).

    What people order of the model stands among its outcomes, where it takes effect: `order` is one
    of ORDERS, `order_id` what the answer on `audit` names, and only `model` and `author` matter.
    """

    model: str
    incident_id: str
    tenant: str
    version: str
    features_version: int = 0
    rows: tuple[int, ...] = ()
    dense: tuple[float, ...] = ()
    decided: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    because: str = ""
    decided_at_ms: int = 0
    turned_out_at_ms: int = 0
    verdict: str = ""
    quiet_chance: float = -1.0
    order: str = ""
    order_id: str = ""
    author: str = ""


class ModelRecord(Struct, frozen=True, kw_only=True):
    """One chunk of a snapshot (`index` from 0, `body`), or a head record (`index` HEAD).

    Of a head record `slot` is that of the snapshot; `heads` are the last snapshot and, where
    there is one, the snapshot before it, which is whole in the other slot.
    """

    model: str
    slot: int = 0
    index: int = HEAD
    body: bytes = b""
    heads: tuple[Snapshot, ...] = ()


def chunk_key(model: str, slot: int, index: int) -> str:
    """The key of a chunk on `models`; that of the head record is the model's name."""
    return f"{model}/{slot}/{index}"


def word_of(model: str) -> str:
    """The word in a model's name that says of which kind it is."""
    return NAME_END.split(model, maxsplit=1)[0]


def shadow_of(model: str) -> str:
    """The name of the model that learns beside another and decides nothing."""
    return model + SHADOW
