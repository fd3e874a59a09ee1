"""Damaged folders, full and read-only disks: set aside or refused, never trusted, never poison."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.domain.errors import Busy, StoreError
from pipeline.domain.store import Checkpoint
from pipeline.hosts.faust.state.aside import asides
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.state.trust import Changelog

NOW_MS = 1_750_000_000_000
LOG = Changelog(topic_id="t-1", first=0, next=1_000, delete_retention_ms=86_400_000)
KEYS = [f"key-{number:06d}" for number in range(20_000)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of some files, with some more in its write-ahead log, as a kill leaves it."""
    made, killed = tmp_path / "open", tmp_path / "decide-3"
    store = RocksStore.open(made, LOG, NOW_MS)
    for position in (1, 2):
        changes = {("t", key): f"{key}/{position}".encode() * 5 for key in KEYS}
        store.write_at(changes, Checkpoint(epoch=position, now_ms=NOW_MS), position)
        store.close()
        store = RocksStore.open(made, LOG, NOW_MS)
    store.write_at({("t", KEYS[0]): b"last"}, Checkpoint(epoch=3, now_ms=NOW_MS), 3)
    shutil.copytree(made, killed)
    store.close()
    return killed


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def garble(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    for at in range(max(0, middle - 3_000), min(len(raw), middle + 3_000)):
        raw[at] ^= 0xA5
    path.write_bytes(raw)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [cut, garble, empty, remove], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize(
    "files", ["*.sst", "CURRENT", "MANIFEST-*", "OPTIONS-*", "*.json", "*.log"]
)
def test_what_is_read_is_right_or_nothing(
    folder: Path, files: str, harm: Callable[[Path], None]
) -> None:
    """Whatever was harmed: a start or two later there is a store that holds what it says."""
    for path in folder.glob(files):
        harm(path)
    store = None
    for _ in range(2):
        store = RocksStore.open(folder, LOG, NOW_MS)
        try:
            rows = dict(store.scan("t", "", "z"))
            values = {key: store.get("t", key) for key in KEYS}
        except StoreError:
            store.close()
            continue
        break
    else:
        pytest.fail("a damaged store is met again at the next start")
    position = store.position
    expected: dict[str, bytes] = {}
    if position:
        expected = {key: f"{key}/{min(position, 2)}".encode() * 5 for key in KEYS}
        if position == 3:
            expected[KEYS[0]] = b"last"
    assert rows == expected
    assert {key: value for key, value in values.items() if value is not None} == expected
    assert store.checkpoint().epoch == position
    store.close()
    assert (len(asides(folder)) == 1) is (position == 0)


def test_damage_met_later_is_remembered(folder: Path) -> None:
    store = RocksStore.open(folder, LOG, NOW_MS)
    for path in folder.glob("*.sst"):
        garble(path)
    with pytest.raises(StoreError, match="damaged"):
        list(store.scan("t", "", "z"))
    store.close()
    again = RocksStore.open(folder, LOG, NOW_MS)
    assert again.set_aside is not None
    assert again.set_aside.name.endswith("damaged")
    assert (again.get("t", KEYS[0]), again.position) == (None, 0)
    again.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB of its own, which only root can have."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(mounted)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def fill_up(store: RocksStore) -> None:
    for position in range(1, 1_000):
        changes = {("t", f"{position}-{n}"): os.urandom(10_000) for n in range(20)}
        store.write_at(changes, Checkpoint(epoch=position, now_ms=NOW_MS), position)


def test_a_full_disk_is_told_and_keeps_what_was_written(small_disk: Path) -> None:
    folder = small_disk / "decide-3"
    store = RocksStore.open(folder, LOG, NOW_MS)
    with pytest.raises(Busy, match="disk is full"):
        fill_up(store)
    position = store.position + 1
    with suppress(StoreError):
        store.write_at({("t", "x"): bytes(10_000_000)}, Checkpoint(), position)
    store.close()
    assert asides(folder) == []
    with pytest.raises(Busy, match="disk is full"):
        RocksStore.open(folder, LOG, NOW_MS).write_at(
            {("t", "x"): os.urandom(80_000_000)}, Checkpoint(), position
        )
    subprocess.run(["mount", "-o", "remount,size=256m", str(small_disk)], check=True)
    again = RocksStore.open(folder, LOG, NOW_MS)
    assert again.set_aside is None
    assert again.position == again.checkpoint().epoch
    assert again.position in {position - 1, position}
    keys = {key for key, _ in again.scan("t", "", "z")}
    assert keys == {f"{at}-{n}" for at in range(1, again.position + 1) for n in range(20)}
    again.close()


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    folder = small_disk / "slot" / "decide-3"
    RocksStore.open(folder, LOG, NOW_MS).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="ead-only"):
        RocksStore.open(folder, LOG, NOW_MS)
    with pytest.raises(StoreError, match="ead-only"):
        RocksStore.open(small_disk / "other" / "decide-4", LOG, NOW_MS)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert asides(folder) == []


def test_a_folder_that_may_not_be_written_is_told(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere: see the read-only disk")
    folder.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="Permission denied"):
            RocksStore.open(folder, LOG, NOW_MS)
    finally:
        folder.chmod(0o700)
    assert asides(folder) == []
