"""Killed at 15 random points on Kafka, it has learned what an uninterrupted run in one process has.

The tables and every snapshot that was published are the same, to the bit.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from confluent_kafka import Producer

from pipeline.app.learning import Learned
from pipeline.codec import encode
from pipeline.simulate.kafka import Node
from tests.crash import test_learning as embedded
from tests.crash.kafka.learner import APP
from tests.crash.learner import BATCH, MODEL, outcome
from tests.hosts.faust.topics import make_topic
from tests.kafka import require_kafka

KILLS = 15
KILL_WITHIN_S = 1.5
"""After it has said the word that was waited for."""
COUNT = embedded.COUNT
SHARE = COUNT // (KILLS + 1)
"""Outcomes between two starts, so that there is something to learn until the last kill."""


def start(node: Node, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.crash.kafka.learner"]
    command += [node.bootstrap, str(folder), str(COUNT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def until_said(process: subprocess.Popen[str], word: str) -> None:
    """Return when it has said so; its log goes the same way."""
    assert process.stdout is not None
    said = iter(process.stdout.readline, "")
    assert any(line.startswith(word) for line in said), f"it ended before it said {word}"


def feed(bootstrap: str, rounds: threading.Semaphore) -> None:
    """Every outcome once and in order, a batch at a time; an equal share of them in each round."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    learned = Learned()
    for number in range(COUNT):
        producer.produce("outcomes", encode(outcome(learned, number)), MODEL)
        if number % BATCH == BATCH - 1:
            producer.flush()
        if number % SHARE == SHARE - 1:
            rounds.acquire()
    producer.flush()


def test_fifteen_kills_leave_what_an_uninterrupted_run_learns(tmp_path: Path) -> None:
    require_kafka()
    whole, _ = embedded.finish(tmp_path / "whole.db")
    dice = random.Random(embedded.SEED)
    folder = tmp_path / "one"
    folder.mkdir()
    killed = 0
    with Node(tmp_path / "kafka") as node:
        for topic in ("outcomes", "models", "audit", "dead-letters", "journal"):
            make_topic(node.bootstrap, topic, 1)
        make_topic(node.bootstrap, f"{APP}-learn-changelog", 1, {"cleanup.policy": "compact"})
        rounds = threading.Semaphore(0)
        feeding = threading.Thread(target=feed, args=(node.bootstrap, rounds))
        feeding.start()
        try:
            for _ in range(KILLS):
                process = start(node, folder)
                rounds.release()
                until_said(process, dice.choice(("begun", "owns", "owns")))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=dice.random() * KILL_WITHIN_S)
                killed += process.poll() is None
                process.kill()
                process.communicate()
        finally:
            rounds.release(COUNT)
            feeding.join()
        process = start(node, folder)
        said, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert said.splitlines()[-1] == whole.strip()
    assert killed == KILLS, "it learned all, or ended, before it was killed"
