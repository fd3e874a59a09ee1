"""Spread: which brokers hold the replicas of each partition when their number changes; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def spread(
    held: Mapping[int, Sequence[int]], brokers: Sequence[int], count: int
) -> dict[int, list[int]]:
    """Partition → `count` brokers, of which the first is the preferred leader.

    Who holds a replica keeps it as far as that can be, leaders always; the emptiest brokers get
    the new ones. There must be `count` brokers or more.
    """
    load = Counter(dict.fromkeys(brokers, 0))
    load.update(broker for replicas in held.values() for broker in replicas[:count])
    found: dict[int, list[int]] = {}
    for partition, replicas in sorted(held.items()):
        chosen = list(replicas[:count])
        while len(chosen) < count:
            free = [broker for broker in brokers if broker not in chosen]
            chosen.append(min(free, key=lambda broker: (load[broker], broker)))
            load[chosen[-1]] += 1
        found[partition] = chosen
    return found
