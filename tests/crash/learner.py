"""A process that learns: the embedded host over one file, fed with outcomes until all are learned.

`python -m tests.crash.learner FILE COUNT`. It appends outcomes by their numbers, each once, in
batches, and says `done` with the hash of what it came to; whoever kills it before starts it again.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

from pipeline.app.learning import Learned, load
from pipeline.codec import TOPIC_VALUES, encode
from pipeline.domain.model import Subject
from pipeline.domain.outcome import INCIDENTS, ModelRecord, Outcome
from pipeline.domain.store import Output
from pipeline.engine import Agent, Task
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.stages.fit.stage import FitStage
from pipeline.stages.fit.tables import CHUNKS, LEARNED, MODELS

FIRST: Final = 60
EVERY: Final = 170
BATCH: Final = 9
MODEL: Final = "incidents@default"
SERVICES: Final = ("checkout", "ledger", "search", "mail")


def outcome(learned: Learned, number: int) -> Outcome:
    """What turned out with this number: a team by service, noise by a coin, always the same."""
    dice = random.Random(number)
    service = dice.choice(SERVICES)
    subject = Subject(
        name=dice.choice(("HighCPU", "DiskFull", "Http5xx")),
        service=service,
        description=f"on {service} since {dice.randint(1, 90)} minutes",
        tier=dice.randint(1, 3),
        at_ms=number * 60_000,
    )
    kind = learned.kinds[INCIDENTS]
    features = kind.features(subject)
    return Outcome(
        model=MODEL,
        incident_id=f"s.{number}",
        tenant="default",
        version="rules",
        features_version=kind.features_version,
        rows=features.rows,
        dense=features.dense,
        labels={"team": service[:3], "noise": dice.choice(("yes", "no", "no"))},
    )


def result(task: Task, models: Iterable[tuple[str, bytes]]) -> str:
    """The hash of the tables and of all snapshots that were published, (key, value) in order."""
    digest = blake2b(digest_size=16)
    for spec in (MODELS, LEARNED, CHUNKS):
        for key, row in sorted(task.rows(spec.name).items()):
            digest.update(f"{spec.name} {key} {_stable(row)!r}".encode())
    for key, value in models:
        digest.update(key.encode() + blake2b(value).digest())
    return digest.hexdigest()


def _stable(row: object) -> object:
    """A row without the instants at which things were done, which differ from run to run."""
    names = getattr(row, "__struct_fields__", ())
    return [(name, getattr(row, name)) for name in names if not name.endswith("_at_ms")]


def fit(learned: Learned) -> Agent:
    """The agent that learns."""
    return Agent(
        name="learn",
        stages=(FitStage(learned, first=FIRST, every_count=EVERY),),
        reads={"outcomes": Outcome},
        writes=("models", "audit"),
    )


def records(learned: Learned, start: int, count: int) -> Iterator[Output]:
    """The outcomes from a number on."""
    for number in range(start, min(start + BATCH, count)):
        event = outcome(learned, number)
        yield Output(topic="outcomes", key=MODEL, value=encode(event), event=event)


def say(what: str) -> None:
    """One line to whoever started it, at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(path: str, count: int) -> None:
    """Go on from where the log ends."""
    load()
    learned = Learned()
    types = {"outcomes": Outcome, "models": ModelRecord, "audit": TOPIC_VALUES["AuditRecord"]}
    host = EmbeddedHost(
        connect(path),
        [fit(learned)],
        topics=[*types, "dead-letters"],
        globals_={},
        now_ms=lambda: int(time.time() * 1_000),
    )
    say("begun")
    is_more = True
    while host.log.part("outcomes", 0).following < count or is_more:
        following = host.log.part("outcomes", 0).following
        _, is_more = host.step(list(records(learned, following, count)))
    (task,) = host.tasks()
    first, following = host.log.bounds("models", 0)
    written = host.log.read("models", 0, first, following - first)
    say(f"done {result(task, ((each.key, each.value or b'') for each in written))}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
