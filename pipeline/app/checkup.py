"""A checkup of a data folder: what `tocsin doctor` reads from the database, as findings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.app.past import Past
from pipeline.codec import StateCodec, decode
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.errors import TocsinError
from pipeline.domain.notification import AMBIGUOUS, REFUSED, Receipt
from pipeline.hosts.embedded.bases import checkpoints
from pipeline.hosts.embedded.database import FORMAT, connect, guarded
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.hosts.embedded.store import SqliteStore
from pipeline.stages.send.tables import RECEIVERS
from pipeline.topology.declared import Topology

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"

SCOPE_SAMPLE: Final = 20_000
"""The latest alerts whose scopes are counted."""

SCOPE_ALERTS_MIN: Final = 100
"""Fewer alerts say nothing about how they spread."""

LAG_WARN: Final = 10_000
"""Records that a task may be behind before it is worth a word."""

LETTERS_SAMPLE: Final = 100

RECEIPTS_SAMPLE: Final = 1_000
"""The latest receipts that are looked through for those that reached nobody."""

CHECKED_SIZE_BYTES_MAX: Final = 256 * 2**20
"""A larger database is not looked through for damage: that would take minutes."""


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the doctor: what was looked at, how it is (ok, warn, fail), and what to do."""

    name: str
    state: str
    says: str
    hint: str = ""


def format_of(folder: Path) -> Finding:
    """Whether this version can read the folder's database."""
    name, path = "format", folder / DATABASE
    if not path.exists():
        return Finding(
            name=name, state=OK, says="no data yet", hint="`tocsin run` makes it at its first start"
        )
    try:
        connection = connect(str(path), is_reader=True)
        with guarded():
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            is_small = path.stat().st_size <= CHECKED_SIZE_BYTES_MAX
            check = "PRAGMA quick_check(1)" if is_small else "SELECT 'ok'"
            damage = connection.execute(check).fetchone()[0]
        connection.close()
    except TocsinError as error:
        return Finding(name=name, state=FAIL, says=str(error), hint="restore a backup")
    if damage != "ok":
        return Finding(
            name=name,
            state=FAIL,
            says=f"the database is damaged: {damage}",
            hint="restore a backup",
        )
    if found > FORMAT:
        return Finding(
            name=name,
            state=FAIL,
            says=f"written by a newer Tocsin (format {found}, this one knows {FORMAT})",
            hint="upgrade Tocsin, or name another folder with --data",
        )
    whole = ", whole" if is_small else ", too large to be looked through here"
    return Finding(name=name, state=OK, says=f"format {found}{whole}")


def lag(past: Past, topology: Topology) -> Finding:
    """How many records the tasks have yet to read."""
    behind: dict[str, int] = {}
    known = set(past.log.topics())
    for task, checkpoint in checkpoints(past.facts).items():
        agent = topology.agents.get(task.rpartition("-")[0])
        partition = int(task.rpartition("-")[2])
        for topic in (*agent.reads, *agent.returns) if agent else ():
            if topic in known:
                end = past.log.bounds(topic, partition)[1]
                behind[task] = (
                    behind.get(task, 0) + end - checkpoint.offsets.get(f"{topic}:{partition}", 0)
                )
    worst = max(behind.values(), default=0)
    says = ", ".join(f"{task} {count}" for task, count in behind.items()) or "nothing has run yet"
    return Finding(
        name="lag",
        state=WARN if worst > LAG_WARN else OK,
        says=f"records to be read: {says}" if behind else says,
        hint="is it running, and is a task halted? see /readyz" if worst > LAG_WARN else "",
    )


def scopes(past: Past) -> Finding:
    """How the latest alerts spread over scopes: one scope is decided by one core."""
    counted: Counter[str] = Counter()
    for partition in past.log.partitions("alerts"):
        start, end = past.log.bounds("alerts", partition)
        for record in past.log.read(
            "alerts", partition, max(start, end - SCOPE_SAMPLE), SCOPE_SAMPLE
        ):
            counted[record.key] += 1
    total = counted.total()
    if total < SCOPE_ALERTS_MIN:
        return Finding(
            name="scopes", state=OK, says=f"{total} alerts, too few to say how they spread"
        )
    scope_id, most = counted.most_common(1)[0]
    share = f"{most * 100 // total} % of the latest {total} alerts are of scope {scope_id}"
    if most * 2 > total:
        return Finding(
            name="scopes",
            state=WARN,
            says=share,
            hint="one core decides one scope: before you scale out, give `scope` a label more",
        )
    return Finding(name="scopes", state=OK, says=f"{len(counted)} scopes; {share}")


def dead_letters(past: Past) -> Finding:
    """What could not be processed, lately."""
    count, reasons = 0, Counter[str]()
    for partition in past.log.partitions("dead-letters"):
        start, end = past.log.bounds("dead-letters", partition)
        count += end - start
        for record in past.log.read(
            "dead-letters", partition, max(start, end - LETTERS_SAMPLE), LETTERS_SAMPLE
        ):
            reasons[decode(DeadLetter, record.value or b"").reason] += 1
    if not count:
        return Finding(name="dead letters", state=OK, says="none")
    listed = ", ".join(f"{reason} {many}" for reason, many in reasons.most_common(3))
    return Finding(
        name="dead letters",
        state=WARN,
        says=f"{count} kept; the latest: {listed}",
        hint="`tocsin dead-letters list` says why; redrive them after a fix",
    )


def calls(past: Past) -> Finding:
    """Which receivers do not take what they are sent, as the latest calls have it."""
    codec, troubled = StateCodec(RECEIVERS), []
    for task in checkpoints(past.facts):
        store = SqliteStore(past.facts, task)
        for receiver, raw in store.scan(RECEIVERS.name, "", "\U0010ffff"):
            state = codec.decode(raw)
            failed = state.failures or state.throttles
            if failed:
                how = "failed" if state.failures else "were throttled"
                troubled.append(f"{receiver}: the last {failed} calls {how}, {state.count} wait")
    return Finding(
        name="calls",
        state=WARN if troubled else OK,
        says="; ".join(troubled) or "no receiver refuses now",
        hint="they are repeated: ask `tocsin receivers test NAME` what it answers"
        if troubled
        else "",
    )


def receipts(past: Past) -> Finding:
    """What was given up lately: notifications of which a receiver may have heard nothing."""
    total, lost, example = 0, Counter[str](), ""
    for partition in past.log.partitions("receipts"):
        start, end = past.log.bounds("receipts", partition)
        for record in past.log.read(
            "receipts", partition, max(start, end - RECEIPTS_SAMPLE), RECEIPTS_SAMPLE
        ):
            receipt = decode(Receipt, record.value or b"")
            if receipt.is_test:
                continue
            total += 1
            if receipt.result in (REFUSED, AMBIGUOUS):
                lost[f"{receipt.receiver} {receipt.result}"] += 1
                example = receipt.incident_id
    listed = ", ".join(f"{what} {many}" for what, many in lost.most_common(3))
    return Finding(
        name="receipts",
        state=WARN if lost else OK,
        says=f"{lost.total()} of the latest {total} notifications did not arrive: {listed}"
        if lost
        else f"none of the latest {total} notifications was given up",
        hint=f"`tocsin incident {example}` says why the last one was not" if lost else "",
    )
