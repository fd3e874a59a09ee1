"""RocksStore passes the battery of every store, and survives restarts, kills and strangers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.domain.errors import Busy, StoreError
from pipeline.domain.store import Checkpoint, Store
from pipeline.hosts.faust.state.aside import ASIDE_MAX, asides
from pipeline.hosts.faust.state.changelog import changelog_key
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.state.trust import Changelog
from tests.checks.store import CHECKS

DAY_MS = 86_400_000
NOW_MS = 1_750_000_000_000
LOG = Changelog(topic_id="t-1", first=0, next=1_000, delete_retention_ms=DAY_MS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "slot" / "decide-3"


@pytest.fixture
def store(folder: Path) -> Iterator[RocksStore]:
    opened = RocksStore.open(folder, LOG, NOW_MS)
    yield opened
    opened.close()


def fill(folder: Path, log: Changelog = LOG, position: int = 7) -> None:
    store = RocksStore.open(folder, log, NOW_MS)
    store.write_at({("t", "a"): b"1"}, Checkpoint(epoch=1, now_ms=NOW_MS), position)
    store.close()


@pytest.mark.parametrize("check_law", CHECKS, ids=lambda law: law.__name__)
def test_rocks_store(store: RocksStore, check_law: Callable[[Store], None]) -> None:
    check_law(store)


def test_a_restart_sees_rows_checkpoint_and_position(folder: Path) -> None:
    store = RocksStore.open(folder, LOG, NOW_MS)
    last = Checkpoint(epoch=3, now_ms=NOW_MS, offsets={"alerts:3": 70})
    store.write_at({("t", "a"): b"1", ("default", "a"): b"2"}, last, 11)
    store.write({("u", "b"): b"3"}, last)
    store.close()
    again = RocksStore.open(folder, LOG, NOW_MS + 1)
    assert [again.get(*at) for at in (("t", "a"), ("default", "a"), ("u", "b"))] == [
        b"1",
        b"2",
        b"3",
    ]
    assert (again.position, again.checkpoint(), again.set_aside) == (11, last, None)
    again.close()


def test_a_loaded_stretch_is_the_state(store: RocksStore) -> None:
    latest = {changelog_key("t", key): key.encode() for key in ("b", "é", "a\0c")}
    store.load({**latest, changelog_key("u", "gone"): None}, Checkpoint(epoch=2), 9, NOW_MS)
    assert next(iter(store.scan("t", "", "z\U0010ffff"))) == ("a\0c", b"a\0c")
    assert (store.get("t", "é"), store.position, store.checkpoint().epoch) == ("é".encode(), 9, 2)
    with pytest.raises(StoreError, match="names no table"):
        store.load({b"stranger": b"1"}, Checkpoint(), 10, NOW_MS)
    assert store.position == 9


@pytest.mark.parametrize(
    ("log", "age_ms", "reason"),
    [
        (LOG, DAY_MS // 2 - 1, ""),
        (LOG, 1 - DAY_MS // 2, ""),
        (LOG, DAY_MS // 2, "too-old"),
        (LOG, -DAY_MS // 2, "too-old"),
        (
            Changelog(topic_id="t-2", first=0, next=1_000, delete_retention_ms=DAY_MS),
            0,
            "other-topic",
        ),
        (Changelog(topic_id="t-1", first=0, next=6, delete_retention_ms=DAY_MS), 0, "outside-log"),
        (Changelog(topic_id="t-1", first=8, next=9, delete_retention_ms=DAY_MS), 0, "outside-log"),
        (Changelog(topic_id="t-1", first=7, next=7, delete_retention_ms=DAY_MS), 0, ""),
    ],
)
def test_what_does_not_fit_the_log_is_set_aside(
    folder: Path, log: Changelog, age_ms: int, reason: str
) -> None:
    fill(folder)
    store = RocksStore.open(folder, log, NOW_MS + age_ms)
    if reason:
        assert (store.get("t", "a"), store.position) == (None, log.first)
        assert store.checkpoint() == Checkpoint()
        assert [path.name.endswith(reason) for path in asides(folder)] == [True]
        assert asides(folder) == [store.set_aside]
    else:
        assert (store.get("t", "a"), store.position) == (b"1", 7)
        assert store.set_aside is None
    store.close()


def test_another_format_is_set_aside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder)
    monkeypatch.setattr("pipeline.hosts.faust.state.trust.FORMAT", 2)
    store = RocksStore.open(folder, LOG, NOW_MS)
    assert store.get("t", "a") is None
    assert asides(folder)[0].name.endswith("other-format")
    store.close()


def test_touching_keeps_a_quiet_store_young(folder: Path) -> None:
    fill(folder)
    store = RocksStore.open(folder, LOG, NOW_MS + DAY_MS // 3)
    store.touch(NOW_MS + DAY_MS // 3)
    store.close()
    again = RocksStore.open(folder, LOG, NOW_MS + 2 * DAY_MS // 3)
    assert (again.get("t", "a"), again.position, again.set_aside) == (b"1", 7, None)
    again.close()


def test_only_the_newest_are_kept_aside(folder: Path) -> None:
    for number in range(ASIDE_MAX + 2):
        log = Changelog(topic_id=f"t-{number}", first=0, next=9, delete_retention_ms=DAY_MS)
        fill(folder, log)
    kept = asides(folder)
    assert len(kept) == ASIDE_MAX
    times = [int(path.name.split("-")[2]) for path in kept]
    assert times == [NOW_MS + 1, NOW_MS + 2], "made at one instant, they still have an order"


def test_a_store_in_use_is_refused_and_not_set_aside(folder: Path) -> None:
    fill(folder)
    store = RocksStore.open(folder, LOG, NOW_MS)
    with pytest.raises(Busy, match="in use"):
        RocksStore.open(folder, LOG, NOW_MS)
    assert asides(folder) == []
    assert store.get("t", "a") == b"1"
    store.close()


def test_closing_lets_go_also_after_scans_and_errors(folder: Path) -> None:
    store = RocksStore.open(folder, LOG, NOW_MS)
    store.write({("t", str(n)): b"1" for n in range(100)}, Checkpoint())
    rows = store.scan("t", "", "z", 5)
    errors = []
    for key in ("\ud800", "a"):
        try:
            store.scan("t", key, "\ud800")
        except UnicodeEncodeError as error:
            errors.append(error)
    store.close()
    store.close()
    program = (
        "from rocksdict import *; import sys; o = Options(raw_mode=True);"
        "names = Rdict.list_cf(sys.argv[1], o);"
        "Rdict(sys.argv[1], o, {n: Options(raw_mode=True) for n in names}).close()"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
    assert (len(list(rows)), len(errors)) == (5, 2)


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get("t", "a"),
        lambda store: store.scan("t", "", "z"),
        lambda store: store.write({("t", "b"): b"1"}, Checkpoint()),
        lambda store: store.write({}, Checkpoint()),
        lambda store: store.touch(NOW_MS),
    ],
    ids=["get", "scan", "write", "write-nothing", "touch"],
)
def test_a_closed_store_answers_nothing(folder: Path, use: Callable[[RocksStore], object]) -> None:
    fill(folder)
    store = RocksStore.open(folder, LOG, NOW_MS)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        use(store)
    fill(folder)
    assert asides(folder) == [], "a use after the end is no damage"


KILLED = """
import os, sys
from pathlib import Path
from pipeline.domain.store import Checkpoint
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.state.trust import Changelog
log = Changelog(topic_id="t-1", first=0, next=10**9, delete_retention_ms=86_400_000)
store = RocksStore.open(Path(sys.argv[1]), log, 1_750_000_000_000)
epoch = store.checkpoint().epoch
while True:
    epoch += 1
    changes = {(f"t{n}", str(epoch % 500)): str(epoch).encode() * 50 for n in range(3)}
    store.write_at(changes, Checkpoint(epoch=epoch, now_ms=1_750_000_000_000), epoch)
    if epoch % 1000 == 0:
        print(epoch, flush=True)
"""


def test_a_killed_process_leaves_whole_epochs(folder: Path) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            written = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
        log = Changelog(topic_id="t-1", first=0, next=10**9, delete_retention_ms=DAY_MS)
        store = RocksStore.open(folder, log, NOW_MS)
        epoch = store.checkpoint().epoch
        assert store.set_aside is None
        assert store.position == epoch >= written
        for back in range(min(epoch, 500)):
            expected = str(epoch - back).encode() * 50
            key = str((epoch - back) % 500)
            assert [store.get(f"t{n}", key) for n in range(3)] == [expected] * 3
        store.close()
