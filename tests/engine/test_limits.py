"""A row too large for a changelog is one event's fault, an unreadable global is nobody's."""

from typing import Any

from msgspec import Struct

from pipeline.codec import encode
from pipeline.domain.catalog import Service
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import Record
from pipeline.domain.stage import Context, TableSpec
from pipeline.engine import Agent, Globals, MemoryStore, Task
from pipeline.engine.tables import ROW_BYTES_MAX


class Row(Struct, frozen=True):
    """A row as large as its event."""

    text: str


ROWS = TableSpec(name="rows", type=Row)


class Keeping:
    """Keeps each event in a row."""

    name = "keeping"
    accepts = (RawAlert,)
    tables: tuple[TableSpec[Any], ...] = (ROWS,)

    def process(self, event: RawAlert, ctx: Context) -> None:
        ctx.table(ROWS).put(event.key, Row(event.value.decode()))

    def wake(self, key: str, ctx: Context) -> None:
        raise AssertionError("no wake was asked for")


def test_a_row_that_no_changelog_takes_is_dead_lettered_and_its_neighbours_go_on() -> None:
    agent = Agent(name="a", stages=(Keeping(),), reads={"raw-alerts": RawAlert})
    task = Task(agent, 0, MemoryStore())
    sizes = {"small": 10, "large": ROW_BYTES_MAX, "last": 10}
    effects = task.run(
        [
            Record(topic="raw-alerts", partition=0, offset=number, key=key, value=b"x" * size)
            for number, (key, size) in enumerate(sizes.items())
        ],
        now_ms=1,
    )
    assert {key for _, key in effects.changes} == {"small", "last"}
    assert [output.topic for output in effects.outputs] == ["dead-letters"]
    assert "8000000" in effects.outputs[0].event.detail  # type: ignore[attr-defined]


def test_a_global_that_cannot_be_read_leaves_the_former_value_and_moves_the_version() -> None:
    known = Globals({"services": Service})
    service = Service(name="a")
    first = Record(topic="services", partition=0, offset=4, key="a", value=encode(service))
    assert known.apply(first)
    assert not known.apply(Record(topic="services", partition=0, offset=5, key="a", value=b"?"))
    assert known.view("services")["a"] == service
    assert known.versions == {"services": 6}
