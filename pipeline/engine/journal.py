"""What an epoch writes of itself into the journal: what it read, and a digest of what it did."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.journal import Segment
from pipeline.domain.record import Record
from pipeline.domain.store import Output
from pipeline.engine.agent import DEAD_LETTERS, RESULTS

KILLS: Final = "kills"
"""The reason of the dead letter of an event that ended the process each time it ran."""

RAISED: Final = "raised"
"""The reason of a dead letter whose event, or wake, made a stage raise."""


def digest(outputs: Sequence[Output], changes: dict[tuple[str, str], bytes | None]) -> str:
    """The hex BLAKE2b (128 bit) of all outputs and changes in their order: what a replay must
    reproduce. Of an exception only where it came from: its traceback names the files and lines of
    one installation.
    """
    parts: list[bytes] = []
    add = parts.append
    for output in outputs:
        add(f"{output.topic}\0{output.key}\0".encode())
        if output.topic == DEAD_LETTERS and (known := _raised_id(output)) is not None:
            add(known)
        else:
            add(b"\0" if output.value is None else output.value)
    for (table, key), value in changes.items():
        add(f"{table}\0{key}\0".encode())
        add(b"\0" if value is None else value)
    return blake2b(b"".join(parts), digest_size=16).hexdigest()


def _raised_id(output: Output) -> bytes | None:
    """The id of a dead letter that stands for an exception; None of any other output."""
    letter = output.event
    if isinstance(letter, DeadLetter) and letter.reason == RAISED:
        return letter.dead_letter_id.encode()
    return None


def traceback_of(outputs: Sequence[Output]) -> str:
    """The detail of the last dead letter among the outputs."""
    details = [getattr(o.event, "detail", "") for o in outputs if o.topic == "dead-letters"]
    return str(details[-1]) if details else ""


def segments_of(batch: Sequence[Record]) -> tuple[Segment, ...]:
    """The runs of the batch in the order read."""
    found: list[Segment] = []
    topic, partition, start, end = RESULTS, 0, 0, 0
    for record in batch:
        if record.topic == topic and record.partition == partition:
            end = record.offset + 1
            continue
        if record.topic == RESULTS:
            continue
        if topic != RESULTS:
            found.append(Segment(topic, partition, start, end))
        topic, partition, start = record.topic, record.partition, record.offset
        end = start + 1
    if topic != RESULTS:
        found.append(Segment(topic, partition, start, end))
    return tuple(found)
