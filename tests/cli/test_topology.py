"""`tocsin topology plan` and `apply` as people call them: exit codes, questions, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.simulate.kafka import Node
from tests.cli.tocsin import Done, tocsin
from tests.kafka import require_kafka

SMALL = "app: shop\ndefaults: {partitions: 2, replication: 1}\nroutes: {receiver: none}\n"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    require_kafka()
    with Node(tmp_path_factory.mktemp("cli-topology")) as started:
        yield started


class World:
    """One cluster and one file, and calls about them."""

    def __init__(self, bootstrap: str, file: Path) -> None:
        self._environment = {"TOCSIN_KAFKA_BOOTSTRAP": bootstrap}
        self.file = file

    def call(self, command: str, *arguments: str, stdin: str = "") -> Done:
        return tocsin(
            "topology",
            command,
            str(self.file),
            *arguments,
            stdin=stdin,
            environment=self._environment,
        )


def test_a_life_of_a_topology(node: Node, tmp_path: Path) -> None:
    world = World(node.bootstrap, tmp_path / "topology.yaml")
    world.file.write_text(SMALL.replace("replication: 1", "replication: 3"))
    refused = world.call("apply", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "give `--replication 1`" in refused.err

    world.file.write_text(SMALL)
    planned = world.call("plan")
    assert planned.code == 2
    assert "  + raw-alerts: 2 partitions, 1 replica each, records kept 30d" in planned.out
    unasked = world.call("apply", stdin="n\n")
    assert unasked.code == 1
    assert "nothing was done" in unasked.err
    applied = world.call("apply", stdin="y\n")
    assert applied.code == 0, applied.err
    assert "installation" in applied.err
    assert world.call("plan").code == 0
    again = world.call("apply")
    assert (again.code, again.err) == (0, "")
    assert "nothing to do" in again.out

    world.file.write_text(SMALL + "topics: {audit: {retention: 1d, partitions: 4}}\n")
    unsafe = world.call("apply", "--yes", "--re-key")
    assert unsafe.code == 1
    assert "refused: what loses history needs --lose-history" in unsafe.err
    found = world.call("plan", "--json")
    assert found.code == 2
    assert found.json["is_needed"] is True
    assert [each["kind"] for each in found.json["actions"]] == ["settings", "partitions", "publish"]
    assert [each["risk"] for each in found.json["actions"]] == [
        "loses history",
        "re-keys",
        "restart",
    ]
    assert len(found.json["installation"]) == 8
    assert world.call("apply", "--yes", "--re-key", "--lose-history").code == 0
    assert world.call("plan").code == 0


def test_without_a_cluster_the_error_says_how_to_have_one() -> None:
    done = tocsin("topology", "plan")
    assert done.code == 2
    assert "TOCSIN_KAFKA_BOOTSTRAP" in done.err
    assert "`tocsin kafka start`" in done.err


def test_where_nothing_listens_the_address_is_named_once() -> None:
    done = tocsin("topology", "apply", environment={"TOCSIN_KAFKA_BOOTSTRAP": "127.0.0.1:1"})
    assert (done.code, done.out) == (1, "")
    assert done.err.count("127.0.0.1:1") == 1
    assert len(done.err.splitlines()) == 1


def test_a_file_that_does_not_lint_is_not_planned(tmp_path: Path) -> None:
    file = tmp_path / "topology.yaml"
    file.write_text("nonsense: 1\n")
    done = tocsin(
        "topology", "plan", str(file), environment={"TOCSIN_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    )
    assert done.code == 1
    assert "nonsense" in done.err
