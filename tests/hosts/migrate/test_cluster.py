"""An application on Kafka goes on on another cluster, with other numbers of partitions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.app import compose
from pipeline.app.moving import Cluster
from pipeline.domain.errors import Busy, UsageError
from tests.hosts.faust.differential.copied import copy
from tests.hosts.faust.differential.feeding import Feeding
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.hosts.migrate.going_on import Life, check_state, control, scene_of
from tests.hosts.migrate.lives import Receivers, alert, go_on, text_of
from tests.hosts.migrate.worlds import After, migrate, state_on, topology_of

FROM = text_of()
ONTO = text_of(app="mall", partitions=5)


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Another cluster."""
    with Place(tmp_path_factory.mktemp("other")) as found:
        yield found


def test_another_cluster_goes_on(place: Place, other: Place, loop: Loop, tmp_path: Path) -> None:
    life = Life(tmp_path / "life")
    place.begin(topology_of(FROM))
    assert migrate(life.copied(tmp_path), place.bootstrap, FROM).is_carried
    source = Cluster(options={"bootstrap_servers": place.bootstrap}, app="shop")
    other.begin(topology_of(ONTO))

    receivers = Receivers()
    installation = control(place).installation
    topology = topology_of(FROM)
    agents = compose.agents(topology, compose.wiring(topology, installation, slot="next"))
    scene = scene_of(place, loop, FROM, tmp_path / "slot", life.now_ms)
    working = After(scene, agents, receivers)
    with working, pytest.raises(Busy, match="workers are in the group shop-"):
        migrate(source, other.bootstrap, ONTO)
    Feeding(place.bootstrap).write([alert("DiskFull", "db")], life.now_ms)
    rows = {row: value for row, (_, _, value) in state_on(place.bootstrap, topology).items()}

    outcome = migrate(source, other.bootstrap, ONTO)
    assert outcome.is_carried, outcome.found.refusals
    unread = {line.what: line.count for line in outcome.found.carried if line.kind == "unread"}
    assert unread == {"raw-alerts": 1}
    check_state(other, ONTO, rows)
    assert len(list(copy(other.bootstrap, ["raw-alerts"]).of("raw-alerts"))) == 1
    assert control(other, "mall").installation == installation
    assert migrate(source, other.bootstrap, ONTO).found.stage == "done"

    onto = topology_of(ONTO)
    agents = compose.agents(onto, compose.wiring(onto, installation, slot="next"))
    scene = scene_of(other, loop, ONTO, tmp_path / "onto", life.now_ms)
    with After(scene, agents, receivers) as driver:
        assert go_on(driver, receivers) == life.end


def test_one_cluster_cannot_have_two(place: Place) -> None:
    place.begin(topology_of(FROM))
    same = Cluster(options={"bootstrap_servers": place.bootstrap}, app="shop")
    with pytest.raises(UsageError, match="one cluster"):
        migrate(same, place.bootstrap, FROM)


def test_an_application_that_is_not_there_is_named(place: Place, other: Place) -> None:
    nobody = Cluster(options={"bootstrap_servers": other.bootstrap}, app="nobody")
    with pytest.raises(UsageError, match="no application 'nobody'"):
        migrate(nobody, place.bootstrap, FROM)
