"""Orders: the input of a run, made from a seed, and what a fold of it must give.

The fold is written here a second time, on purpose: the oracle shares no line with what it judges.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

from msgspec import Struct, field

POISON_SHARE: Final = 0.004
"""Far below the 5 % at which the engine takes a deploy for broken."""

BAD_SHARE: Final = 0.004
WAKE_SHARE: Final = 0.02


class Given(Struct, frozen=True):
    """One input as it stands on its topic."""

    partition: int
    offset: int
    key: str
    id: str
    value: int
    kind: str = "plain"


class Expected(Struct):
    """What must come of the inputs, in order per key.

    `rows` are (id, value, count, first, last, greatest) per key; `state` is the last fold;
    `failing` are the positions that must be dead letters, with their reason.
    """

    rows: dict[str, list[tuple[str, int, int, int, int, int]]] = field(default_factory=dict)
    state: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    partitions: dict[str, int] = field(default_factory=dict)
    failing: dict[tuple[int, int], str] = field(default_factory=dict)
    wakes: dict[str, str] = field(default_factory=dict)


def orders(seed: int, keys: int) -> Iterator[tuple[str, bytes]]:
    """(key, JSON) of inputs without end; a few keys are hot, as a storm of alerts is."""
    rng = random.Random(seed)
    for number in count():
        key = f"k{int(keys * rng.random() ** 2):05d}"
        dice = rng.random()
        order: dict[str, object] = {"id": f"{number:07d}", "value": rng.randrange(1_000_000)}
        if dice < POISON_SHARE:
            order["kind"] = "poison"
        elif dice < POISON_SHARE + BAD_SHARE:
            order["kind"] = "bad"
        elif dice < POISON_SHARE + BAD_SHARE + WAKE_SHARE:
            order |= {"kind": "wake", "after_ms": rng.randrange(0, 3_000)}
        yield key, json.dumps(order).encode()


def expect(inputs: Iterable[Given]) -> Expected:
    """The fold of the inputs, which must come in the order of their partitions."""
    expected = Expected()
    for given in inputs:
        if given.kind in {"poison", "bad"}:
            reason = "raised" if given.kind == "poison" else "bad"
            expected.failing[given.partition, given.offset] = reason
            continue
        before = expected.state.get(given.key)
        if before is None:
            now = (1, given.value, given.value, given.value)
        else:
            now = (before[0] + 1, before[1], given.value, max(before[3], given.value))
        expected.state[given.key] = now
        expected.partitions[given.key] = given.partition
        expected.rows.setdefault(given.key, []).append((given.id, given.value, *now))
        if given.kind == "wake":
            expected.wakes[given.id] = given.key
    return expected
