"""A kind of model that is quick to make and easy to foresee: it counts labels per row.

It keeps the protocol of domain.model to the letter (restore equals original, a broken snapshot is
refused), so that stages can be tested without River. Only what it learned of the rows it is asked
about counts; it is sure of a label when all its counts are of that one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from zlib import crc32

import msgspec

from pipeline.domain.model import (
    HEADS,
    Belief,
    Features,
    Model,
    Quality,
    Snapshot,
    SnapshotError,
    Subject,
)
from pipeline.domain.outcome import INCIDENTS

VERSION = 1
CHUNK = 200


class Counting:
    """Counts of (row, head, label)."""

    def __init__(self, learned: Mapping[str, int] | None = None, count: int = 0) -> None:
        self.counts: Counter[str] = Counter(learned or {})
        self.learned_count = count
        self.version = f"v{count}"

    def score(self, features: Features, *, is_explained: bool = False) -> tuple[Belief, ...]:
        found: dict[str, Counter[str]] = {}
        spoke: dict[tuple[str, str], list[str]] = {}
        names = dict(zip(features.rows, features.tokens, strict=False))
        for key, count in self.counts.items():
            row, head, label = key.split("|")
            if int(row) in features.rows:
                found.setdefault(head, Counter())[label] += count
                spoke.setdefault((head, label), []).append(names.get(int(row), row))
        beliefs = []
        for head in sorted(found):
            ranked = sorted(found[head], key=lambda each: (-found[head][each], each))
            share = found[head][ranked[0]] / found[head].total()
            evidence = tuple((each, 1.0) for each in sorted(spoke[head, ranked[0]])[:5])
            beliefs.append(
                Belief(head, ranked[0], share, tuple(ranked), evidence if is_explained else ())
            )
        return tuple(beliefs)

    def learn(self, features: Features, labels: Mapping[str, str]) -> None:
        self.learned_count += 1
        for head, label in labels.items():
            for row in features.rows:
                self.counts[f"{row}|{head}|{label}"] += 1

    def qualities(self) -> tuple[Quality, ...]:
        return (
            Quality(
                head="noise",
                outcomes_count=self.learned_count,
                accuracy=0.5,
                log_loss=0.7,
                calibration_error=0.1,
                pr_auc=0.6,  # no figure is NaN, so that snapshots can be compared
            ),
        )

    def snapshot(self, name: str, offset: int) -> tuple[Snapshot, tuple[bytes, ...]]:
        whole = msgspec.msgpack.encode((self.learned_count, sorted(self.counts.items())))
        chunks = tuple(whole[at : at + CHUNK] for at in range(0, len(whole), CHUNK))
        return (
            Snapshot(
                model=name,
                kind="counting",
                features_version=VERSION,
                version=f"v{self.learned_count}",
                offset=offset,
                learned_count=self.learned_count,
                chunks_count=len(chunks),
                size_bytes=len(whole),
                checksum=blake2b(whole, digest_size=32).hexdigest(),
                qualities=self.qualities(),
            ),
            chunks,
        )


class CountingKind:
    """Rows are hashes of a few facts; `made` counts how often a model was made of a snapshot."""

    kind = "counting"
    features_version = VERSION
    heads = HEADS

    def __init__(self) -> None:
        self.made = 0

    def features(self, subject: Subject) -> Features:
        tokens = [f"name={subject.name}", f"service={subject.service}"]
        rows = {crc32(token.encode("utf-8", "replace")) % 65_536: token for token in tokens}
        ordered = sorted(rows)
        return Features(tuple(ordered), (float(subject.tier),), tuple(rows[r] for r in ordered))

    def fresh(self) -> Model:
        return Counting()

    def restore(self, head: Snapshot, chunks: Sequence[bytes]) -> Model:
        self.made += 1
        if head.features_version != VERSION:
            raise SnapshotError("features", "another version of the features")
        whole = b"".join(chunks)
        if blake2b(whole, digest_size=32).hexdigest() != head.checksum:
            raise SnapshotError("checksum", "the chunks are not those of the snapshot")
        count, counts = msgspec.msgpack.decode(whole)
        return Counting(dict(counts), count)


class Counted:
    """An installation that learns of incidents by counting."""

    def __init__(self, kind: CountingKind | None = None, *, is_loaded: bool = True) -> None:
        self.kinds = {INCIDENTS: kind or CountingKind()}
        self.is_loaded = is_loaded
