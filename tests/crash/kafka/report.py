"""Report: an Outcome as text for people: what was done, what came of it, what is wrong."""

from __future__ import annotations

from tests.crash.kafka.suite import Outcome

GOOD = "Nothing lost, nothing twice; every fold, table, offset and journal as the input demands."


def write(outcome: Outcome) -> str:
    """The report in Markdown."""
    faults = "\n".join(f"| {kind} | {count} |" for kind, count in sorted(outcome.done.items()))
    exits = "\n".join(f"| {why[:120]} | {count} |" for why, count in sorted(outcome.exits.items()))
    wrong = "\n".join(f"* {complaint.text}" for complaint in outcome.complaints)
    return f"""# Crash run, seed {outcome.seed}: {"good" if outcome.is_good else "NOT good"}

{outcome.events} events; {outcome.took_s:.0f} s, {outcome.rested_s:.0f} s of them after the last \
fault until everything had come through. Points that no epoch met: \
{", ".join(outcome.missed) or "none"}.

| fault | times |
|---|---|
{faults}

| how workers ended | times |
|---|---|
{exits}

{wrong or GOOD}
"""
