"""The stages of the crash tests do on the engine alone what the oracle expects of them."""

from __future__ import annotations

from itertools import islice

import msgspec

from pipeline.codec import encode
from pipeline.domain.record import Record
from pipeline.domain.store import Output
from pipeline.engine import Effects, MemoryStore, Task
from tests.crash.kafka import oracle, stages
from tests.crash.kafka.orders import Given, expect, orders
from tests.crash.kafka.reading import Entry, avro, fired, published, rows

EPOCH = 200


def run(task: Task, store: MemoryStore, batch: list[Record], now_ms: int) -> Effects:
    effects = task.run(batch, now_ms)
    store.write(effects.changes, effects.checkpoint)
    task.committed()
    return effects


def entries(outputs: list[Output], topic: str) -> list[Entry]:
    found = [output for output in outputs if output.topic == topic]
    return [Entry(0, n, output.key.encode(), output.value) for n, output in enumerate(found)]


def records(topic: str, given: list[tuple[str, bytes]]) -> list[Record]:
    return [
        Record(topic=topic, partition=0, offset=offset, key=key, value=value)
        for offset, (key, value) in enumerate(given)
    ]


def test_both_agents_satisfy_the_oracle_without_any_host() -> None:
    made = list(islice(orders(3, 100), 3_000))
    inputs = []
    for offset, (key, value) in enumerate(made):
        order = msgspec.json.decode(value)
        kind = order.get("kind", "plain")
        inputs.append(Given(0, offset, key, order["id"], order["value"], kind))
    first, second = stages.agents()
    outputs: list[Output] = []
    store = MemoryStore()
    task = Task(first, 0, store)
    batch = records(stages.IN, made)
    now_ms = 1_000_000
    for start in range(0, len(batch), EPOCH):
        outputs += run(task, store, batch[start : start + EPOCH], now_ms).outputs
        now_ms += 500
    outputs += run(task, store, [], now_ms + 10_000).outputs

    expected = expect(inputs)
    mid = entries(outputs, stages.MID)
    assert oracle.check_rows("rows", expected, rows(mid)) == []
    assert oracle.check_wakes(expected, fired(entries(outputs, stages.FIRED))) == []
    letters = avro(published("DeadLetter"), entries(outputs, "dead-letters"))
    assert oracle.check_failing(stages.IN, expected, letters) == []
    assert list(store.scan("wakes", "", "~")) == list(store.scan("waiting", "", "~")) == []

    last = Task(second, 0, MemoryStore())
    made_of = [(entry.key or b"", entry.value or b"") for entry in mid]
    sums = last.run(records(stages.MID, [(key.decode(), value) for key, value in made_of]), 1)
    wanted = expect(
        Given(0, entry.offset, (entry.key or b"").decode(), row[0], row[1])
        for entry, row in rows(mid)
    )
    assert oracle.check_rows("sums", wanted, rows(entries(sums.outputs, stages.OUT))) == []


def test_a_row_reads_back_by_the_schema_that_the_oracle_has() -> None:
    row = stages.Row("i", "k", 1, 2, 3, 4, 5)
    entry = Entry(0, 0, b"k", encode(row))
    assert rows([entry]) == [(entry, ("i", 1, 2, 3, 4, 5))]
