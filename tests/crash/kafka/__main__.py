"""The crash tests from the command line: `python -m tests.crash.kafka crash|mutants|long`.

`--seed` replays a schedule; without it the kernel chooses one, and it is said first.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.crash.kafka.paging import lease
from tests.crash.kafka.report import write
from tests.crash.kafka.schedule import Numbers
from tests.crash.kafka.scripts import SCRIPTS, Script, play
from tests.crash.kafka.suite import Outcome, Plan, run, say

SHORT = Numbers(kills=5, rounds_of_points=1, pauses=6, joins=6, storms=1, bounces=1)
LONG = Numbers(
    kills=200,
    rounds_of_points=8,
    pauses=60,
    joins=30,
    storms=5,
    bounces=20,
    clean_bounces=10,
    holds=40,
    cuts=20,
    full_disks=10,
    jumps=6,
)
AT_ONCE = 3
LEASE = "ignore_lease"


def plan_of(what: str, seed: int) -> Plan:
    """The size of `make crash` and of `make crash-long`."""
    if what == "crash":
        return Plan(seed=seed, numbers=SHORT)
    return Plan(
        seed=seed,
        events=1_000_000,
        keys=20_000,
        rate_per_s=700,
        workers=3,
        nodes=3,
        partitions=12,
        numbers=LONG,
    )


def crash(what: str, seed: int, report: str) -> bool:
    """One long run; whether it was good."""
    with tempfile.TemporaryDirectory() as folder:
        outcome: Outcome = run(plan_of(what, seed), Path(folder))
    text = write(outcome)
    say(text)
    if report:
        Path(report).write_text(text, encoding="utf-8")
    return outcome.is_good


def mutants(names: list[str]) -> bool:
    """Every script with and without its mutant; whether all were caught and nothing else."""
    chosen = [script for script in SCRIPTS if not names or script.mutant in names]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = [pool.submit(_try, script) for script in chosen]
        if not names or LEASE in names:
            tried.append(pool.submit(_try_lease))
        outcomes = [one.result() for one in tried]
    return all(outcomes)


def _try_lease() -> bool:
    """The mutant that needs a receiver: an incident is opened again by a late call."""
    with tempfile.TemporaryDirectory() as folder:
        sound = lease(Path(folder), ()).residue
    with tempfile.TemporaryDirectory() as folder:
        mutated = lease(Path(folder), (LEASE,)).residue
    say(f"{LEASE}: {'paged' if mutated else 'NOT CAUGHT'}")
    if sound:
        say(f"{LEASE}: WITHOUT the mutant an incident was opened again")
    return bool(mutated) and not sound


def _try(script: Script) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        sound = play(script, Path(folder), is_mutated=False)
    with tempfile.TemporaryDirectory() as folder:
        found = {one.kind for one in play(script, Path(folder), is_mutated=True)}
    caught = sorted(found & script.kinds)
    for complaint in sound:
        say(f"{script.mutant}: WITHOUT the mutant: {complaint.text}")
    said = ", ".join(caught) if caught else f"NOT CAUGHT (it led to: {sorted(found) or 'nothing'})"
    say(f"{script.mutant}: {said}")
    return bool(caught) and not sound


def main() -> int:
    """0 where all is well."""
    parser = argparse.ArgumentParser(prog="tests.crash.kafka")
    parser.add_argument("what", choices=("crash", "mutants", "long"))
    parser.add_argument("names", nargs="*", help="mutants to try (none: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", default="", help="the file that gets the report")
    given = parser.parse_args()
    if given.what == "mutants":
        return 0 if mutants(given.names) else 1
    seed = given.seed or secrets.randbelow(10**6) + 1
    return 0 if crash(given.what, seed, given.report) else 1


if __name__ == "__main__":
    sys.exit(main())
