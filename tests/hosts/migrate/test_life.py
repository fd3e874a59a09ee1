"""What a data folder was in the middle of goes on on Kafka as it would have where it was."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.hosts.faust.differential.copied import copy
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.hosts.migrate.dying import killed
from tests.hosts.migrate.going_on import Life, check_state, control, keys, went_on
from tests.hosts.migrate.lives import text_of
from tests.hosts.migrate.worlds import migrate, topology_of

TEXT = text_of()
POINTS = ("begun", "half-sent", "sent", "before-end", "end-sent", "ended")


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(tmp_path_factory.mktemp("life"))


def test_the_life_is_one_worth_moving(life: Life) -> None:
    tables = {table for table, _ in life.rows}
    assert tables >= {"outbox", "lanes", "receivers", "wakes", "wake-of", "correlate-seen"}
    told = [" ".join(line.split()[:2]) for line in life.end]
    for once in ("acknowledge on-call", "trigger on-call"):
        assert told.count(once) == 1
    assert told.count("resolve on-call") == 2
    assert {"trigger busy", "trigger silent"} < set(told)


def test_it_goes_on_on_kafka(place: Place, loop: Loop, life: Life, tmp_path: Path) -> None:
    source = life.copied(tmp_path)
    place.begin(topology_of(TEXT))
    outcome = migrate(source, place.bootstrap, TEXT)
    assert outcome.is_carried, outcome.found.refusals
    assert outcome.found.open_incidents == 6
    unread = {line.what: line.count for line in outcome.found.carried if line.kind == "unread"}
    assert unread == {"raw-alerts": 3, "commands": 1}
    check_state(place, TEXT, life.rows)
    assert [key for _, key, _ in keys(place, "silences")] == ["quiet"]
    assert len(keys(place, "incidents")) == 6
    carried = copy(place.bootstrap, ["raw-alerts", "commands"])
    assert len(list(carried.of("raw-alerts"))) == 3
    # The positions of partition 0 were used before: ids derive from them.
    assert all(r.offset >= 9 for r in carried.records["raw-alerts", 0])
    assert all(r.timestamp_ms == life.now_ms for r in carried.of("raw-alerts"))

    again = migrate(source, place.bootstrap, TEXT)
    assert (again.is_carried, again.found.stage) == (False, "done")
    assert again.found.refusals == ()

    assert went_on(place, loop, life, tmp_path / "slot") == life.end
    refused = migrate(life.copied(tmp_path / "other"), place.bootstrap, TEXT)
    assert refused.found.stage == "done"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_run_goes_on_where_it_was(
    place: Place, loop: Loop, life: Life, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    source = life.copied(tmp_path)
    place.begin(topology_of(TEXT))
    config = tmp_path / "topology.yaml"
    config.write_text(TEXT)
    kills = 0
    while killed(place.bootstrap, source, config, dice.choice(POINTS), dice.randint(3, 7)):
        kills += 1
        assert not (control(place).applied and control(place).migrating)
    assert kills >= 2
    check_state(place, TEXT, life.rows)
    assert len(keys(place, "raw-alerts")) == 3
    assert len(keys(place, "commands")) == 1
    assert len(keys(place, "incidents")) == 6
    if seed == 1:
        assert went_on(place, loop, life, tmp_path / "slot") == life.end


def test_with_history_tasks_begin_behind_it(
    place: Place, loop: Loop, life: Life, tmp_path: Path
) -> None:
    place.begin(topology_of(TEXT))
    outcome = migrate(life.copied(tmp_path), place.bootstrap, TEXT, is_with_history=True)
    assert outcome.is_carried, outcome.found.refusals
    history = {line.what: line.count for line in outcome.found.carried if line.kind == "history"}
    assert history["raw-alerts"] == 6
    assert len(keys(place, "raw-alerts")) == 9
    assert len(keys(place, "audit")) == history["audit"]
    assert went_on(place, loop, life, tmp_path / "slot") == life.end
