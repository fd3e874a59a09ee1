"""An event that ends the process: after three crashes events run alone, and it is dead-lettered."""

import asyncio
import subprocess
import sys
from pathlib import Path

from pipeline.codec import decode
from pipeline.domain.deadletter import DeadLetter
from tests.hosts.faust.stream.crew import Crew, is_exact
from tests.hosts.faust.topics import read_all
from tests.kafka import Broker
from tests.real import ROOT

STARTS_MAX = 12


async def test_the_event_that_kills_is_buried_alone(broker: Broker, tmp_path: Path) -> None:
    crew = Crew(broker.bootstrap, broker.new_name("crash"), tmp_path)
    await crew.write(*[("k", f"v{number}") for number in range(30)], ("k", "die"), ("k", "last"))
    command = [sys.executable, "-m", "tests.hosts.faust.stream.dying", crew.bootstrap, crew.app]
    codes = []
    for _ in range(STARTS_MAX):
        start = [*command, str(tmp_path), "31"]
        codes.append((await asyncio.to_thread(subprocess.run, start, cwd=ROOT)).returncode)
        if codes[-1] == 0:
            break
    assert codes[-1] == 0, codes
    assert set(codes[:-1]) == {9}, codes
    assert len(codes) == 5, "three crashes of the batch, one of the event alone, then it is buried"
    found = await crew.outputs()
    assert len(found) == 31
    assert is_exact(found)
    letters = [
        letter
        for message in read_all(crew.bootstrap, "dead-letters")
        if (letter := decode(DeadLetter, message.value())).topic == crew.reads
    ]
    assert [(letter.reason, letter.value) for letter in letters] == [("kills", b"die")]
