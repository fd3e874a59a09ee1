"""`tocsin migrate` as people call it: what it shows, asks and ends with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.simulate.kafka import Node
from tests.cli.tocsin import Done, tocsin
from tests.hosts.migrate.lives import begin, text_of
from tests.kafka import require_kafka


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    require_kafka()
    with Node(tmp_path_factory.mktemp("cli-migrate")) as started:
        yield started


class World:
    """One cluster, one file, one folder, and calls about them."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._environment = {"TOCSIN_KAFKA_BOOTSTRAP": bootstrap, "KEY": "d" * 32}
        self.file = folder / "topology.yaml"
        self.data = folder / "data"

    def migrate(self, *arguments: str, stdin: str = "") -> Done:
        return self._call(
            *("migrate", "--config", str(self.file), "--data", str(self.data), *arguments),
            stdin=stdin,
        )

    def topology(self, *arguments: str) -> Done:
        return self._call("topology", *arguments[:1], str(self.file), *arguments[1:])

    def _call(self, *arguments: str, stdin: str = "") -> Done:
        return tocsin(*arguments, stdin=stdin, environment=self._environment)


def test_a_life_of_a_migration(node: Node, tmp_path: Path) -> None:
    world = World(node.bootstrap, tmp_path)
    world.file.write_text(text_of())
    absent = world.migrate("--dry-run")
    assert absent.code == 1
    assert "name a data folder with --data" in absent.err
    begin(world.data, text_of())

    early = world.migrate("--dry-run")
    assert early.code == 1
    assert "run `tocsin topology apply` on the target first" in early.err
    assert world.topology("apply", "--yes").code == 0

    planned = world.migrate("--dry-run")
    assert planned.code == 2, planned.err
    assert "6 open incidents" in planned.out
    assert "6 rows of incidents (decide)" in planned.out
    assert "3 records of raw-alerts, not yet processed" in planned.out
    found = world.migrate("--dry-run", "--json")
    assert (found.code, found.json["stage"], found.json["refusals"]) == (2, "new", [])

    unasked = world.migrate(stdin="n\n")
    assert (unasked.code, "nothing was carried" in unasked.err) == (1, True)
    done = world.migrate("--yes")
    assert done.code == 0, done.err
    assert f"installation {found.json['installation']}" in done.err
    assert world.topology("plan").code == 0

    again = world.migrate("--yes")
    assert (again.code, "carried already" in again.out) == (0, True)
    assert world.migrate("--dry-run").code == 0


def test_it_is_from_a_folder_or_from_a_cluster(tmp_path: Path) -> None:
    done = World("127.0.0.1:1", tmp_path).migrate("--from-kafka", "127.0.0.1:1")
    assert done.code == 2
    assert "not from both" in done.err
