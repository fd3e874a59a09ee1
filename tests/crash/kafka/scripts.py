"""Scripts: for each mutant the one fault that must expose it, run on the engine as it is as well.

The same script is green without the mutant and red with it, by a complaint of the right kind. Where
two rules guard the same hole, the other is broken in both runs, so that the one in question stands
alone.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from confluent_kafka import Producer
from msgspec import Struct

from tests.crash.kafka.oracle import Complaint
from tests.crash.kafka.proxy import Fault
from tests.crash.kafka.trial import Stuck, Trial

FOREVER_S: Final = 600.0


class Script(Struct, frozen=True, kw_only=True):
    """One fault. `run` is told the mutants of the worker in question (none: as it is); `kinds` are
    the complaints of which the mutant must cause one.
    """

    mutant: str
    run: Callable[[Trial, list[str]], None]
    kinds: frozenset[str]
    session_s: float = 6.0


def a_refused_batch(trial: Trial, mutants: list[str]) -> None:
    """A topic takes no rows for a while."""
    trial.worker("a", mutants)
    trial.order(300)
    trial.settle()
    # Control records (78 bytes) still fit, or no transaction on the topic could end at all.
    trial.limit("rows", 120)
    pid = trial.world.crew.pid("a")
    trial.order(100)
    trial.wait(lambda: trial.world.crew.pid("a") != pid, 6)
    trial.limit("rows", 50_000_000)


def an_open_transaction(trial: Trial, mutants: list[str]) -> None:
    """Somebody else's transaction stands open on the changelog while its owner is killed."""
    trial.worker("a", mutants, store="memory")
    trial.order(200)
    trial.settle()
    producer = Producer(
        {
            "bootstrap.servers": trial.world.bootstrap,
            "transactional.id": "somebody",
            "transaction.timeout.ms": 60_000,
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition in range(trial.world.partitions):
        producer.produce("crash-fold-changelog", b"", b"folds\0nobody", partition)
    producer.flush(30)
    trial.order(200)
    trial.settle()
    trial.world.crew.kill("a")
    trial.until(lambda: trial.has_taken_over("a", "sum"), "a starts again")
    trial.wait(lambda: trial.world.crew.is_ready("a"), 6)
    producer.abort_transaction(30)


def a_death_before_the_end(trial: Trial, mutants: list[str]) -> None:
    """A worker dies when everything of an epoch is written but its end, and starts again."""
    trial.worker("a", mutants)
    trial.order(300)
    trial.settle()
    trial.die_at("a", "before-end")


def an_aborted_epoch(trial: Trial, mutants: list[str]) -> None:
    """The first agent dies with its rows written; the second one must not see them."""
    trial.worker("b", mutants, agents=("sum",))
    trial.worker("a", (), agents=("fold",))
    trial.order(300)
    trial.settle()
    trial.die_at("a", "sent")


def a_zombie(trial: Trial, mutants: list[str]) -> None:
    """A worker that the group has given up, halted before its transaction begins, goes on when
    another one has done its work.
    """
    trial.worker("a", mutants)
    trial.worker("b", mutants)
    trial.order(300)
    trial.settle()
    silent_at_s = trial.silence("a")
    trial.wait_till(silent_at_s + trial.session_s - 4)
    trial.halt_at("a", "before-begin")
    trial.order(200)
    trial.until(lambda: trial.is_halted("a"), "a halts")
    trial.until(lambda: trial.is_through("rows"), "b does what a had begun")
    trial.world.crew.members["a"].signal(signal.SIGCONT)
    before = trial.watching.count("rows")
    trial.wait(lambda: trial.watching.count("rows") > before, 4)


def a_lost_end(trial: Trial, mutants: list[str]) -> None:
    """EndTxn is under way for longer than anybody waits for its answer."""
    trial.worker("a", mutants)
    trial.order(300)
    trial.settle()
    held = trial.arm(Fault(action="hold", api="EndTxn", side="request", hold_s=FOREVER_S))
    trial.order(100)
    trial.settle()
    trial.world.proxies.release(held)


def a_late_end(trial: Trial, mutants: list[str]) -> None:
    """An EndTxn that was sent again arrives a second time, when half of the next epoch is written;
    then the worker dies.
    """
    trial.worker("a", mutants, agents=("fold",))
    trial.worker("b", (), agents=("sum",))
    trial.order(300)
    trial.settle()
    held = trial.arm(
        Fault(action="hold", api="EndTxn", side="request", hold_s=FOREVER_S, client="a/")
    )
    trial.order(100)
    trial.settle()
    trial.halt_at("a", "sent")
    trial.order(100)
    trial.until(lambda: trial.is_halted("a"), "a halts")
    trial.world.proxies.release(held)
    before = trial.watching.count("rows")
    trial.wait(lambda: trial.watching.count("rows") > before, 4)
    trial.world.crew.kill("a")


def _late_data(trial: Trial, of_a: list[str], of_b: list[str]) -> None:
    """The first owner's first epoch has its data under way while the group gives it up and another
    takes over; nothing is committed yet, so nobody can be fenced by name.
    """
    trial.worker("c", (), agents=("sum",))
    trial.worker("a", of_a, agents=("fold",))
    silent_at_s = trial.silence("a")
    held = trial.arm(
        Fault(
            action="hold",
            api="Produce",
            side="request",
            client="a/",
            times=10**6,
            hold_s=FOREVER_S,
        )
    )
    trial.wait_till(silent_at_s + trial.session_s - 20)
    trial.world.add_worker("b", agents=("fold",), mutants=tuple(of_b))
    trial.wait_till(silent_at_s + trial.session_s - 6)
    trial.order(200)
    trial.until(lambda: trial.held("Produce"), "a writes its first epoch")
    trial.wait_till(silent_at_s + trial.session_s + 3)
    trial.world.proxies.release(held)
    trial.wait(lambda: trial.is_through("rows", "sums"), 8)
    trial.order(200)


def late_data_and_a_taker_that_restores_first(trial: Trial, mutants: list[str]) -> None:
    """Rule 2 alone must hold: the taker restores before it asks for offsets, as Faust does."""
    _late_data(trial, mutants, ["restore_before_offsets"])


def late_data_of_an_owner_that_stages_early(trial: Trial, mutants: list[str]) -> None:
    """Rule 3 alone must hold: the former owner stages its offsets before its data is durable."""
    _late_data(trial, ["stage_offsets_early"], mutants)


def poison_among_others(trial: Trial, mutants: list[str]) -> None:
    """Batches with poison in the middle."""
    trial.worker("a", mutants)
    trial.order(3_000)


LATE_DATA_S: Final = 40.0
"""Long enough that a Produce of 9 s is still waited for, and an epoch of 20 s."""
SCRIPTS: Final = (
    Script(mutant="ignore_sends", run=a_refused_batch, kinds=frozenset({"lost"})),
    Script(
        mutant="restore_to_stable",
        run=an_open_transaction,
        kinds=frozenset({"fold", "changelog", "refused"}),
    ),
    Script(
        mutant="write_before_commit",
        run=a_death_before_the_end,
        kinds=frozenset({"fold", "table", "left-over"}),
    ),
    Script(mutant="read_uncommitted", run=an_aborted_epoch, kinds=frozenset({"twice"})),
    Script(
        mutant="commit_offsets_apart",
        run=a_death_before_the_end,
        kinds=frozenset({"lost", "refused"}),
    ),
    Script(mutant="commit_unfenced", run=a_zombie, kinds=frozenset({"twice"}), session_s=30),
    Script(mutant="go_on_after_timeout", run=a_lost_end, kinds=frozenset({"twice"})),
    Script(mutant="resend_end_v3", run=a_late_end, kinds=frozenset({"twice", "refused"})),
    Script(
        mutant="stage_offsets_early",
        run=late_data_and_a_taker_that_restores_first,
        kinds=frozenset({"fold", "changelog", "refused"}),
        session_s=LATE_DATA_S,
    ),
    Script(
        mutant="restore_before_offsets",
        run=late_data_of_an_owner_that_stages_early,
        kinds=frozenset({"fold", "changelog", "refused"}),
        session_s=LATE_DATA_S,
    ),
    Script(mutant="swallow_neighbours", run=poison_among_others, kinds=frozenset({"lost"})),
)


def play(script: Script, folder: Path, *, is_mutated: bool) -> list[Complaint]:
    """Run a script with or without its mutant; the complaints, the last of them about a script
    that did not get on.
    """
    with Trial(folder, script.session_s) as trial:
        stuck = []
        try:
            script.run(trial, [script.mutant] if is_mutated else [])
        except Stuck as error:
            stuck = [Complaint("stuck", f"stuck: {error}")]
        return trial.verdict() + stuck
