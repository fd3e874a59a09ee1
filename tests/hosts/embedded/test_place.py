"""The data folder that goes away while Tocsin runs: nothing more is accepted until it is back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.domain.errors import Busy, StoreError
from pipeline.hosts.embedded import bases
from pipeline.hosts.embedded.backup import backup
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.hosts.embedded.place import Place
from pipeline.hosts.embedded.reader import LogReader
from pipeline.hosts.embedded.runner import Runner
from tests.hosts.embedded.test_host import World, outputs
from tests.hosts.embedded.test_runner import clock
from tests.wait import wait_until_async


def opened(folder: Path) -> tuple[World, Runner]:
    folder.mkdir()
    world = World(str(folder / DATABASE))
    runner = Runner(world.host, clock, Place(str(folder / DATABASE)))
    runner.start()
    return world, runner


async def test_a_folder_that_was_moved_takes_nothing_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    world, runner = opened(folder)
    await runner.append(outputs("a"))
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(Busy, match="moved or deleted") as refused:
        await runner.append(outputs("b"))
    assert refused.value.after_s > 0
    assert runner.fault == str(refused.value)
    with pytest.raises(Busy, match="moved or deleted"):
        await runner.between_epochs(lambda: None)
    assert not folder.exists()
    (tmp_path / "elsewhere").rename(folder)
    assert len(await runner.append(outputs("c"))) == 1
    assert runner.fault == ""
    await runner.stop()
    assert world.counts(0) == {"a": 1, "c": 1}


async def test_an_idle_process_notices_it_and_stops_all_the_same(tmp_path: Path) -> None:
    _, runner = opened(tmp_path / "d")
    await runner.append(outputs("a"))
    shutil.rmtree(tmp_path / "d")
    await wait_until_async(lambda: "moved or deleted" in runner.fault, what="it is noticed")
    assert not runner.ended.done()
    await runner.stop()
    assert runner.ended.done()
    assert not (tmp_path / "d").exists()


async def test_another_database_in_its_place_is_not_ours(tmp_path: Path) -> None:
    _, runner = opened(tmp_path / "d")
    (tmp_path / "d").rename(tmp_path / "elsewhere")
    (tmp_path / "d").mkdir()
    connect(str(tmp_path / "d" / DATABASE)).close()
    with pytest.raises(Busy, match="restart Tocsin"):
        await runner.append(outputs("b"))
    await runner.stop()


async def test_what_was_committed_to_a_moved_file_is_not_accepted(tmp_path: Path) -> None:
    """The folder goes between the look and the commit."""
    world, runner = opened(tmp_path / "d")
    step = world.host.step

    def moved_meanwhile(*appends: object) -> object:
        if appends and appends[0]:
            (tmp_path / "d").rename(tmp_path / "elsewhere")
        return step(*appends)  # type: ignore[arg-type]

    world.host.step = moved_meanwhile  # type: ignore[assignment,method-assign]
    with pytest.raises(Busy, match="moved or deleted"):
        await runner.append(outputs("a"))
    await runner.stop()


@pytest.mark.parametrize(
    "read",
    [
        lambda folder: bases.take(str(folder / DATABASE), folder / "bases", 1),
        lambda folder: backup(str(folder / DATABASE), folder.parent / "copy"),
        lambda folder: LogReader(str(folder / DATABASE)),
        lambda folder: bases.load(folder / DATABASE),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_nobody_but_the_start_creates_a_database(
    tmp_path: Path, read: Callable[[Path], object], is_there: bool
) -> None:
    folder = tmp_path / "d"
    if is_there:
        folder.mkdir()
    with pytest.raises(StoreError):
        read(folder)
    assert [each.name for each in tmp_path.rglob("*")] == (["d"] if is_there else [])
