"""Where the engine's own cost of the hop lies: Task.run on a memory store, and its parts.

The whole is measured on epochs of fresh alerts; the parts one by one in a loop, where everything
is hot, so that they come to less than the whole.
"""

from __future__ import annotations

import gc
import time
import timeit
from collections.abc import Callable
from typing import Any, Final

from pipeline.cli.starting import GC_THRESHOLDS
from pipeline.codec import encode
from pipeline.domain.alert import Alert
from pipeline.domain.record import Record
from pipeline.domain.store import Output
from pipeline.engine import MemoryStore, Task, journal
from tests.bench.kafka import cluster, hosted
from tests.bench.kafka.job import Job
from tests.bench.kafka.work import Row, decode_alert, encode_json, encode_row, step

EVENTS: Final = 30_000
ROUNDS: Final = 5
JOB: Final = Job("", "bench", "bench-in", "bench-out", "", "", EVENTS, 0, 1)
WHOLES: Final = ((1_000, 50), (1_000, 500), (1_000, 2_000), (1_000_000, 2_000))


def records(keys: int, write: Callable[[Alert], bytes]) -> list[Record]:
    """The input as a host hands it over."""
    return [
        Record(
            topic=JOB.source,
            partition=0,
            offset=offset,
            key=alert.fingerprint,
            value=write(alert),
        )
        for offset, alert in enumerate(cluster.alerts(cluster.keys(EVENTS, keys)))
    ]


def whole(given: list[Record], per_epoch: int) -> float:
    """µs per event of Task.run, over all of the input."""
    store = MemoryStore()
    task = Task(hosted.agent(JOB), 0, store, decoded=())
    spent_s = 0.0
    for start in range(0, len(given), per_epoch):
        batch = given[start : start + per_epoch]
        begun_s = time.thread_time()
        effects = task.run(batch, start + 1)
        spent_s += time.thread_time() - begun_s
        store.write(effects.changes, effects.checkpoint)
        task.committed()
    return spent_s / len(given) * 1e6


def each(call: Callable[[], Any], per: int = 1, number: int = 20_000) -> float:
    """µs of one call, the best of some rounds, divided by what it does at once."""
    return (
        min(timeit.repeat(call, number=number, repeat=ROUNDS, timer=time.thread_time))
        / number
        / per
        * 1e6
    )


def parts() -> dict[str, float]:
    """µs of what one event of the hop costs in the engine, by part, as JSON."""
    task = Task(hosted.agent(JOB), 0, MemoryStore(), decoded=())
    record = records(1_000, encode_json)[0]
    alert, epoch = decode_alert(record.value or b""), task._epoch
    row = Row(2, 1, 2, "critical", "firing", alert.alert_id)
    ctx = task._chain._contexts[0]
    rows, key = ctx.table(hosted.ROWS), alert.fingerprint
    rows.put(key, row)
    output = Output(topic=JOB.target, key=key, value=record.value, headers=epoch.headers)
    many, outputs = [record] * 500, [output] * 500

    def emit() -> None:
        ctx.emit(JOB.target, key, alert)
        epoch.outputs.clear()

    found = {
        "decode the alert": each(lambda: decode_alert(record.value or b"")),
        "turn to the record (epoch.at)": each(lambda: epoch.at(record)),
        "the stage's own work": each(lambda: step(row, alert)),
        "table: find, get, put": each(lambda: (ctx.table(hosted.ROWS), rows.get(key)))
        + each(lambda: rows.put(key, row)),
        "encode the alert": each(lambda: encode_json(alert)),
        "emit, besides encoding": each(emit),
        "encode a row (per dirty key)": each(lambda: encode_row(row)),
        "digest of the outputs, 1 KB each": each(
            lambda: journal.digest(outputs, {}), len(outputs), 50
        ),
        "segments of the journal": each(lambda: journal.segments_of(many), len(many), 200),
    }
    found["emit, besides encoding"] -= found["encode the alert"]
    return found


def main() -> None:
    """Print both tables."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    avro = records(1_000, encode)
    print("| Task.run, µs per event | per epoch | best |\n|---|---:|---:|")
    best = min(whole(avro, 2_000) for _ in range(ROUNDS))
    print(f"| Avro, 1,000 keys | 2,000 | {best:.1f} |")
    hosted.speak_json()
    for keys, per_epoch in WHOLES:
        given = records(keys, encode_json)
        best = min(whole(given, per_epoch) for _ in range(ROUNDS))
        print(f"| JSON, {keys:,} keys | {per_epoch:,} | {best:.1f} |")
    print("\n| part | µs |\n|---|---:|")
    for name, cost_us in parts().items():
        print(f"| {name} | {cost_us:.2f} |")


if __name__ == "__main__":
    main()
