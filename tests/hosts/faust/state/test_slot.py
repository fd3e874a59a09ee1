"""Slots: one process each, an id that stays, and crashes that are laid to the right event."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.domain.errors import Busy, StoreError, UsageError
from pipeline.hosts.faust.state.crashes import CRASHES_MAX, SINGLES, TASKS_MAX, Advice
from pipeline.hosts.faust.state.slot import SLOTS_MAX, Slot
from tests.wait import wait_until

AT = {"alerts:3": 70, "commands:3": 4}

HOLDS = """
import sys, time
from pathlib import Path
from pipeline.hosts.faust.state.slot import Slot
slot = Slot.open(Path(sys.argv[1]), "a")
print(slot.id, flush=True)
time.sleep(600)
"""

DIES = """
import os, signal, sys
from pathlib import Path
from pipeline.hosts.faust.state.slot import Slot
slot = Slot.open(Path(sys.argv[1]), "a")
at = {"alerts:3": int(sys.argv[2]), "commands:3": 4}
print(slot.advice("decide-3", at).kind, flush=True)
slot.begin("decide-4", {"alerts:4": 1})
slot.end("decide-4")
slot.begin("decide-3", at, sys.argv[3] if len(sys.argv) > 3 else "")
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(data: Path, offset: int, event: str = "") -> str:
    """A process that is killed while decide-3 runs; what it was advised to do before."""
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(data), str(offset), *([event] if event else [])],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    return done.stdout.strip()


def test_the_id_stays_and_differs_between_slots(tmp_path: Path) -> None:
    with Slot.open(tmp_path, "a") as first, Slot.open(tmp_path, "b") as other:
        assert first.folder == tmp_path / "slots" / "a"
        assert len(first.id) == len(other.id) == 8
        assert first.id != other.id
        identity = first.id
    with Slot.open(tmp_path, "a") as again:
        assert again.id == identity


@pytest.mark.parametrize("left", [b"", b"abc", b"ABCDEFGH", b"\xff\xfe1234567"])
def test_an_id_that_is_none_is_made_anew(tmp_path: Path, left: bytes) -> None:
    with Slot.open(tmp_path, "a") as slot:
        path = slot.folder / "id"
    path.write_bytes(left)
    if left.startswith(b"\xff"):
        with pytest.raises(StoreError):
            Slot.open(tmp_path, "a")
        return
    with Slot.open(tmp_path, "a") as again:
        assert len(again.id) == 8
        assert path.read_text() == again.id


def test_a_second_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        identity = holder.stdout.readline().strip()
        with pytest.raises(Busy, match=rf"held by process {holder.pid}: .*--slot"):
            Slot.open(tmp_path, "a")
        os.kill(holder.pid, signal.SIGKILL)
    slot = wait_until(lambda: _try(tmp_path), what="the kernel lets go of the lock")
    assert slot is not None
    assert slot.id == identity
    slot.close()


def _try(data: Path) -> Slot | None:
    try:
        return Slot.open(data, "a")
    except Busy:
        return None


def test_any_takes_the_first_that_is_free(tmp_path: Path) -> None:
    with Slot.any(tmp_path) as first, Slot.any(tmp_path) as second:
        assert [slot.folder.name for slot in (first, second)] == ["0", "1"]
        identity = first.id
        first.close()
        with Slot.any(tmp_path) as again:
            assert (again.folder.name, again.id) == ("0", identity)


def test_any_refuses_where_all_are_taken(tmp_path: Path) -> None:
    held = [Slot.any(tmp_path) for _ in range(SLOTS_MAX)]
    with pytest.raises(Busy, match="all 64 numbered slots"):
        Slot.any(tmp_path)
    for slot in held:
        slot.close()


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "x" * 41, "-a", "a b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a slot"):
        Slot.open(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "slots").write_text("a file")
    with pytest.raises(StoreError):
        Slot.open(tmp_path, "a")


def test_three_crashes_at_one_start_make_single_events(tmp_path: Path) -> None:
    assert [die(tmp_path, 70) for _ in range(CRASHES_MAX + 1)] == ["batch"] * 3 + ["single"]
    with Slot.open(tmp_path, "a") as slot:
        assert slot.advice("decide-4", {"alerts:4": 1}) == Advice("batch"), "it had ended"
        assert slot.advice("decide-3", {**AT, "alerts:3": 71}) == Advice("batch")
        assert slot.advice("decide-3", AT) == Advice("single")


def test_crashes_elsewhere_do_not_add_up(tmp_path: Path) -> None:
    assert [die(tmp_path, offset) for offset in (70, 70, 75, 75, 70, 70)] == ["batch"] * 6
    with Slot.open(tmp_path, "a") as slot:
        assert slot.advice("decide-3", AT) == Advice("batch")


def test_singles_go_on_over_the_whole_batch_and_then_end(tmp_path: Path) -> None:
    for _ in range(CRASHES_MAX):
        die(tmp_path, 70)
    with Slot.open(tmp_path, "a") as slot:
        for number in range(SINGLES):
            at = {**AT, "alerts:3": 70 + number}
            assert slot.advice("decide-3", at) == Advice("single"), f"event {number}"
            slot.begin("decide-3", at, event=f"alerts:3:{70 + number}")
            slot.end("decide-3")
        assert slot.advice("decide-3", {**AT, "alerts:3": 9_999}) == Advice("batch")
    with Slot.open(tmp_path, "a") as slot:
        assert slot.advice("decide-3", AT) == Advice("batch"), "it was overcome"


def test_the_event_that_kills_alone_is_buried(tmp_path: Path) -> None:
    for _ in range(CRASHES_MAX):
        die(tmp_path, 70)
    assert die(tmp_path, 70, "alerts:3:70") == "single"
    for _ in range(2):
        with Slot.open(tmp_path, "a") as slot:
            assert slot.advice("decide-3", AT) == Advice("bury", "alerts:3:70")
    with Slot.open(tmp_path, "a") as slot:
        slot.buried("decide-3")
        assert slot.advice("decide-3", AT) == Advice("batch")
    with Slot.open(tmp_path, "a") as slot:
        assert slot.advice("decide-3", AT) == Advice("batch")


def test_a_later_event_of_the_batch_is_found_too(tmp_path: Path) -> None:
    for _ in range(CRASHES_MAX):
        die(tmp_path, 70)
    with Slot.open(tmp_path, "a") as slot:
        assert slot.advice("decide-3", AT) == Advice("single")
        slot.begin("decide-3", AT, event="alerts:3:70")
        slot.end("decide-3")
    die(tmp_path, 71, "alerts:3:71")
    with Slot.open(tmp_path, "a") as slot:
        later = {**AT, "alerts:3": 71}
        assert slot.advice("decide-3", later) == Advice("bury", "alerts:3:71")
        assert slot.advice("decide-3", {**AT, "alerts:3": 72}) == Advice("batch")


def test_an_orderly_end_is_no_crash_and_an_open_run_is(tmp_path: Path) -> None:
    for _ in range(CRASHES_MAX + 1):
        with Slot.open(tmp_path, "a") as slot:
            slot.begin("decide-3", AT)
            slot.end("decide-3")
            slot.end("decide-3")
            slot.begin("decide-4", AT)
    with Slot.open(tmp_path, "a") as slot:
        assert slot.advice("decide-3", AT) == Advice("batch")
        assert slot.advice("decide-4", AT) == Advice("single")


@pytest.mark.parametrize("file", ["runs", "crashes"])
def test_files_that_hold_nothing_sensible_count_for_nothing(tmp_path: Path, file: str) -> None:
    die(tmp_path, 70)
    (tmp_path / "slots" / "a" / file).write_bytes(b"\x01\xff\xff garbage" * 100)
    with Slot.open(tmp_path, "a") as slot:
        assert slot.advice("decide-3", AT) == Advice("batch")


def test_more_tasks_than_are_noted_still_run(tmp_path: Path) -> None:
    with Slot.open(tmp_path, "a") as slot:
        for number in range(TASKS_MAX + 2):
            slot.begin(f"decide-{number}", AT, event="t" * 3_000)
            slot.end(f"decide-{number}")
        assert (slot.folder / "runs").stat().st_size == TASKS_MAX * 1_024


def test_noting_a_run_syncs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Slot.open(tmp_path, "a") as slot:
        monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("a run was synced"))
        for number in range(100):
            at = {**AT, "alerts:3": number}
            slot.begin("decide-3", at)
            assert slot.advice("decide-3", at) == Advice("batch")
            slot.end("decide-3")
