"""What a node listens on: other ports may be advertised, and passwords stay out of sight."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from pipeline.domain.errors import UsageError
from pipeline.domain.secret import Secret
from pipeline.simulate.kafka import Certificates, Listener, Node
from pipeline.simulate.kafka.ports import Ports
from tests.kafka import require_kafka

PASSWORD = "hunter2-hunter2"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, int]]:
    """A node before which a proxy is said to stand, in a folder whose name needs care."""
    require_kafka()
    listeners = [Listener("NAMED", "sasl_plaintext")]
    users = {"tocsin": Secret(PASSWORD)}
    folder = tmp_path_factory.mktemp("proxied") / "a folder = käse"
    with Ports() as ports:
        proxy = ports.reserve()
        listeners.append(Listener("PROXIED", advertised_port=proxy))
        with Node(folder, listeners=listeners, users=users) as node:
            yield node, proxy


def advertised(bootstrap: str) -> list[int]:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    return [broker.port for broker in admin.list_topics(timeout=30).brokers.values()]


def test_clients_of_a_listener_are_told_the_port_of_its_proxy(proxied: tuple[Node, int]) -> None:
    node, proxy = proxied
    assert advertised(node.bootstrap_of("PROXIED")) == [proxy]
    assert advertised(node.bootstrap) == [node.ports["PLAINTEXT"]]


def test_a_node_writes_no_password_where_others_read(proxied: tuple[Node, int]) -> None:
    node, _ = proxied
    command = Path(f"/proc/{node.pid}/cmdline")
    if command.exists():
        assert PASSWORD not in command.read_bytes().decode()
    found = [
        path
        for path in node.folder.rglob("*")
        if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert [path.name for path in found] == ["server.properties"]
    assert stat.S_IMODE(found[0].stat().st_mode) == 0o600


def test_private_keys_are_private(tmp_path: Path) -> None:
    made = Certificates(tmp_path / "tls")
    for path in (made.key, made.folder / "server.pem"):
        assert b"PRIVATE KEY" in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["client", "PLAINTEXT", "CONTROLLER", "A B", ""])
def test_a_listener_has_a_name_of_its_own(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a listener"):
        Node(tmp_path, listeners=[Listener(name)])


@pytest.mark.parametrize(
    ("user", "password"), [("a b", PASSWORD), ("a", 'x"y'), ("a", "x,y"), ("a", "")]
)
def test_what_the_files_cannot_hold_is_refused_and_not_shown(
    tmp_path: Path, user: str, password: str
) -> None:
    with pytest.raises(UsageError, match="letters, digits and plain signs only") as caught:
        Node(tmp_path, users={user: Secret(password)})
    assert not password or password not in str(caught.value)


def test_tls_without_certificates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs certificates"):
        Node(tmp_path, listeners=[Listener("SEALED", "ssl")])


def test_a_folder_that_kafka_would_take_for_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="comma"):
        Node(tmp_path / "a,b")
