"""Oracle: what is wrong with what the workers left on the topics, in plain complaints.

It knows the input and the topics, never the engine: each check is a function from what was read
to complaints, so that each is proven, on hand-made topics, to be able to say no. Reading is in
`reading.py`, with another client than the engine's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tests.crash.kafka.orders import Expected
from tests.crash.kafka.reading import Entry, Reading, Row

CHECKPOINT: Final = b"\0checkpoint"
SHOWN_MAX: Final = 5
"""So many examples stand in a complaint; the rest is a number."""


class Complaint(Struct, frozen=True):
    """One thing that is wrong; `kind` is a word for those who expect it."""

    kind: str
    text: str


def _complain(kind: str, what: str, found: Iterable[object]) -> list[Complaint]:
    listed = list(found)
    if not listed:
        return []
    shown = ", ".join(str(one) for one in listed[:SHOWN_MAX])
    return [Complaint(kind, f"{kind}: {len(listed)} {what}: {shown}")]


def check_rows(
    topic: str, expected: Expected, rows: Sequence[tuple[Entry, Row]]
) -> list[Complaint]:
    """Each input's row once, with the fold as it was then, in the input's order per key, on the
    partition of the key.
    """
    wanted = Counter(row[0] for listed in expected.rows.values() for row in listed)
    found = Counter(row[0] for _, row in rows)
    complaints = _complain("lost", f"rows are not on {topic}", sorted(wanted - found))
    complaints += _complain("twice", f"rows too many on {topic}", sorted(found - wanted))
    per_key: dict[str, list[Row]] = {}
    strays = []
    for entry, row in rows:
        key = (entry.key or b"").decode()
        per_key.setdefault(key, []).append(row)
        if expected.partitions.get(key, entry.partition) != entry.partition:
            strays.append(f"{key} on {entry.partition}")
    folds, orders = [], []
    for key, listed in expected.rows.items():
        there = per_key.get(key, [])
        if there == listed:
            continue
        if [row[0] for row in there] == [row[0] for row in listed]:
            folds += [f"{key}: {a} for {b}" for a, b in zip(there, listed, strict=True) if a != b]
        elif Counter(row[0] for row in there) == Counter(row[0] for row in listed):
            orders.append(key)
        else:
            folds += [f"{key}: {row}" for row in there if row not in set(listed)]
    complaints += _complain("fold", f"rows on {topic} have another fold than their inputs", folds)
    complaints += _complain("order", f"keys on {topic} are in another order", orders)
    return complaints + _complain("partition", f"rows on {topic} on another partition", strays)


def compacted(entries: Iterable[Entry]) -> dict[tuple[int, bytes], bytes]:
    """What a compacted topic says in the end: the last value per partition and key."""
    state: dict[tuple[int, bytes], bytes] = {}
    for entry in entries:
        key = (entry.partition, entry.key or b"")
        if entry.value is None:
            state.pop(key, None)
        else:
            state[key] = entry.value
    return state


def check_changelog(
    name: str, table: str, expected: Expected, changelog: Mapping[tuple[int, bytes], bytes]
) -> list[Complaint]:
    """The compacted changelog holds the fold of the inputs under `table`, and no row besides:
    every wake has fired, and none waits.
    """
    found: dict[str, tuple[int, int, int, int]] = {}
    others = []
    for (_, key), value in changelog.items():
        if key == CHECKPOINT:
            continue
        prefix, _, row = key.decode().partition("\0")
        if prefix == table:
            fold = msgspec.msgpack.decode(value[1:])
            found[row] = (fold["count"], fold["first"], fold["last"], fold["greatest"])
        else:
            others.append(f"{prefix}/{row}")
    wrong = [
        f"{key}: {found.get(key)} for {expected.state.get(key)}"
        for key in sorted({*found, *expected.state})
        if found.get(key) != expected.state.get(key)
    ]
    complaints = _complain("changelog", f"keys of {name} differ from the inputs' fold", wrong)
    return complaints + _complain("left-over", f"rows of {name} should be gone", others)


def check_dump(
    name: str,
    changelog: Mapping[tuple[int, bytes], bytes],
    dumps: Sequence[Mapping[tuple[int, bytes], bytes]],
) -> list[Complaint]:
    """The workers' stores together hold what the compacted changelog does; no partition is held
    by two.
    """
    owners = Counter(partition for dump in dumps for partition in {p for p, _ in dump})
    complaints = _complain(
        "table",
        f"partitions of {name} have two owners",
        [partition for partition, count in owners.items() if count > 1],
    )
    held = {key: value for dump in dumps for key, value in dump.items()}
    wanted = {key: value for key, value in changelog.items() if key[1] != CHECKPOINT}
    wrong = [key for key in sorted({*held, *wanted}) if held.get(key) != wanted.get(key)]
    return complaints + _complain("table", f"rows of {name} differ from its changelog", wrong)


def check_offsets(
    group: str,
    ends: Mapping[tuple[str, int], int],
    committed: Mapping[tuple[str, int], tuple[int, str]],
    changelog: Mapping[tuple[int, bytes], bytes],
) -> list[Complaint]:
    """The committed offsets lie behind the last input of each partition that has one, carry the
    writer's name, and are what the checkpoint says. `ends` is the offset after the last record.
    """
    behind = [
        f"{topic}:{partition} at {committed.get((topic, partition))} of {end}"
        for (topic, partition), end in sorted(ends.items())
        if committed.get((topic, partition), (-1, ""))[0] < end
    ]
    unnamed = [
        key
        for key, (offset, name) in committed.items()
        if offset > 0 and not name.startswith(group)
    ]
    known = {
        name: offset
        for (_, key), value in changelog.items()
        if key == CHECKPOINT
        for name, offset in msgspec.msgpack.decode(value)["offsets"].items()
    }
    differing = [
        f"{topic}:{partition} committed {offset}, checkpoint {known[f'{topic}:{partition}']}"
        for (topic, partition), (offset, _) in committed.items()
        if offset >= 0 and known.get(f"{topic}:{partition}", offset) != offset
    ]
    return [
        *_complain("offsets", f"partitions of {group} are not read to the end", behind),
        *_complain("offsets", f"offsets of {group} do not name their writer", unnamed),
        *_complain("offsets", f"offsets of {group} differ from the checkpoint", differing),
    ]


def check_forwards(
    samples: Iterable[Mapping[tuple[str, int], int]],
) -> list[Complaint]:
    """No committed offset ever goes back."""
    last: dict[tuple[str, int], int] = {}
    back = []
    for sample in samples:
        for key, offset in sample.items():
            if offset < last.get(key, -1):
                back.append(f"{key} from {last[key]} to {offset}")
            last[key] = max(offset, last.get(key, -1))
    return _complain("backwards", "committed offsets went back", back)


def check_ended(
    bounds: Mapping[tuple[str, int], tuple[int, int]],
) -> list[Complaint]:
    """(last stable offset, high watermark) are equal everywhere: no transaction hangs."""
    hanging = [f"{key}: {lso} of {end}" for key, (lso, end) in sorted(bounds.items()) if lso != end]
    return _complain("hanging", "partitions hold an open transaction", hanging)


def check_same(first: Reading, second: Reading) -> list[Complaint]:
    """Two readers of what is committed, one during the faults and one after, saw the same."""
    differing = []
    for topic in sorted({*first, *second}):
        one, other = first.get(topic, []), second.get(topic, [])
        for partition in sorted({e.partition for e in (*one, *other)}):
            a = [e for e in one if e.partition == partition]
            b = [e for e in other if e.partition == partition]
            if a != b:
                at = next((x.offset for x, y in zip(a, b, strict=False) if x != y), "the end")
                differing.append(f"{topic}:{partition} from {at} on ({len(a)} and {len(b)})")
    return _complain("readings", "partitions read differently during the faults", differing)


def check_failing(
    topic: str, expected: Expected, letters: Sequence[Mapping[str, Any]]
) -> list[Complaint]:
    """Each poison and each bad input is one dead letter with its reason, and nothing else is."""
    wanted = Counter((p, o, reason) for (p, o), reason in expected.failing.items())
    found = Counter(
        (letter["partition"], letter["offset"], letter["reason"])
        for letter in letters
        if letter["topic"] == topic
    )
    strangers = [f"{x['agent']}/{x['reason']}" for x in letters if x["topic"] != topic]
    return [
        *_complain("dead-letters", "are lacking", sorted(wanted - found)),
        *_complain("dead-letters", "are too many", sorted(found - wanted)),
        *_complain("dead-letters", "are of another topic", strangers),
    ]


def check_wakes(expected: Expected, fired: Sequence[Mapping[str, Any]]) -> list[Complaint]:
    """Each wake fires once, never before its time."""
    found = Counter(one["id"] for one in fired)
    early = [one["id"] for one in fired if one["fired_at_ms"] < one["asked_at_ms"]]
    wanted = Counter(dict.fromkeys(expected.wakes, 1))
    return [
        *_complain("wakes", "never fired", sorted(wanted - found)),
        *_complain("wakes", "fired more than once", sorted(found - wanted)),
        *_complain("wakes", "fired before their time", early),
    ]


def check_journal(
    topic: str, inputs: Iterable[tuple[int, int]], journal: Sequence[Mapping[str, Any]], agent: str
) -> list[Complaint]:
    """The epochs of each task are 1, 2, 3 … once each and in this order; each input lies in one
    segment of one of them.
    """
    gaps, epochs, segments = [], Counter[str](), []
    for record in journal:
        task = record["task"]
        if task.rpartition("-")[0] != agent:
            continue
        epochs[task] += 1
        if record["epoch"] != epochs[task]:
            gaps.append(f"{task}: {record['epoch']} at place {epochs[task]}")
        segments += [
            (s["partition"], s["start"], s["end"])
            for s in record["segments"]
            if s["topic"] == topic
        ]
    covered = Counter(
        (partition, offset) for partition, start, end in segments for offset in range(start, end)
    )
    wrong = [f"{p}:{o} ({covered[p, o]} times)" for p, o in inputs if covered[p, o] != 1]
    return [
        *_complain("journal", f"epochs of {agent} are out of their order", gaps),
        *_complain("journal", f"inputs of {agent} are not in exactly one epoch", wrong),
    ]
