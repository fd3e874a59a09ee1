"""An event that kills the process is dead-lettered unrun, and the journal says so."""

from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import Record
from pipeline.engine import Agent, MemoryStore, Task


class Killing:
    """A stage that must not see the event."""

    name = "killing"
    accepts = (RawAlert,)
    tables = ()

    def process(self, event: RawAlert, ctx: object) -> None:
        raise SystemExit("the process ends")

    def wake(self, key: str, ctx: object) -> None:
        raise AssertionError("no wake was asked for")


def test_a_buried_event_is_a_dead_letter_with_its_bytes_and_a_journal_that_says_so() -> None:
    agent = Agent(name="a", stages=(Killing(),), reads={"raw-alerts": RawAlert})
    task = Task(agent, 3, MemoryStore())
    record = Record(topic="raw-alerts", partition=3, offset=7, key="k", value=b"bytes")
    effects = task.bury(record, 1_000)
    (output,) = effects.outputs
    letter = output.event
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.value, letter.offset) == ("kills", b"bytes", 7)
    assert effects.journal.is_burial
    assert effects.checkpoint.offsets == {"raw-alerts:3": 8}
    task.committed()
    assert task.checkpoint.epoch == 1
