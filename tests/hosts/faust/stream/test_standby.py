"""A worker keeps a copy of the other's state, and takes over without reading all of it again."""

from pathlib import Path

import pytest

from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import BulkReader
from tests.hosts.faust.stream.crew import PARTITIONS, Crew, is_exact
from tests.kafka import Broker
from tests.wait import wait_until_async


async def test_a_takeover_starts_from_the_standby(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew(broker.bootstrap, broker.new_name("warm"), tmp_path)
    await crew.write(*[(f"k{number % 50}", f"v{number}") for number in range(1_000)])
    async with crew.working("two") as two, crew.working("one") as one:
        await crew.wait_for(1_000)
        assert one.standbys is not None
        assert two.standbys is not None
        both = (one.standbys, two.standbys)
        await wait_until_async(
            lambda: (
                sum(len(each.lags()) for each in both) == PARTITIONS
                and all(lag.offsets == 0 for each in both for lag in each.lags().values())
            ),
            what="each partition has a warm copy at the other worker",
            deadline_s=60,
        )
        told = [worker.standby_lag_s() for worker in (one, two)]
        assert sorted(task for lags in told for task in lags) == [
            f"tally-{partition}" for partition in range(PARTITIONS)
        ]
        assert all(0 <= lag_s < 30 for lags in told for lag_s in lags.values())
        starts: list[int] = []
        begin = BulkReader.read

        def read(self: BulkReader, place: Place, start: int, until: int) -> object:
            starts.append(until - start)
            return begin(self, place, start, until)

        monkeypatch.setattr(BulkReader, "read", read)
        await one.stop(is_leaving=True)
        await wait_until_async(
            lambda: len(two.apps["tally"].epochs.tasks) == PARTITIONS,
            what="the other worker has all partitions",
            deadline_s=60,
        )
        assert sum(starts) == 0, "all was there already"
        await crew.write(*[(f"k{number % 50}", f"v{number}") for number in range(1_000, 1_200)])
        assert is_exact(await crew.wait_for(1_200))
