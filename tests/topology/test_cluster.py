"""Settings of a cluster open the listeners that they are for, and no others; errors say why."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.domain.errors import UsageError
from pipeline.domain.secret import Secret
from pipeline.simulate.kafka import Certificates, Listener, Node
from pipeline.topology.cluster import MECHANISMS, Cluster, client_options
from pipeline.topology.reach import Unreachable, reach
from tests.kafka import require_kafka

PASSWORD = "hunter2-hunter2"
WRONG = "hunter3-hunter3"
ANYWHERE = "broker.example:9092"

LISTENERS = (
    Listener("NAMED", "sasl_plaintext"),
    Listener("SEALED", "ssl"),
    Listener("PROVEN", "ssl", asks_certificate=True),
    Listener("BOTH", "sasl_ssl"),
)


# Connections that are refused leave sockets to the collector, which may come in any of these tests.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Certificates]]:
    require_kafka()
    folder = tmp_path_factory.mktemp("guarded")
    certificates = Certificates(folder / "tls")
    users = {"tocsin": Secret(PASSWORD)}
    with Node(folder, listeners=LISTENERS, users=users, certificates=certificates) as node:
        yield node, certificates


def cluster(guarded: tuple[Node, Certificates], listener: str, **changed: Any) -> Cluster:
    """What opens that listener, with something changed."""
    node, certificates = guarded
    parts: dict[str, Any] = {"bootstrap": node.bootstrap_of(listener)}
    parts["security"] = next(one.security for one in LISTENERS if one.name == listener)
    if listener in ("NAMED", "BOTH"):
        parts |= {"username": "tocsin", "password": Secret(PASSWORD)}
    if listener != "NAMED":
        parts["ca"] = certificates.ca
    if listener == "PROVEN":
        parts |= {"certificate": certificates.certificate, "key": certificates.key}
    return Cluster(**(parts | changed))


async def expect_open(wanted: Cluster) -> None:
    """aiokafka's admin client gets in, and `reach` says nothing."""
    admin = AIOKafkaAdminClient(**client_options(wanted))
    await admin.start()
    try:
        assert await admin.describe_cluster()
    finally:
        await admin.close()
    await reach(wanted, create_conn, MetadataRequest([]))


async def expect_closed(wanted: Cluster, why: str) -> None:
    """The admin client stays out, and `reach` says why without saying what is secret."""
    admin = AIOKafkaAdminClient(**client_options(wanted))
    with pytest.raises(KafkaError):
        await admin.start()
    await admin.close()
    with pytest.raises(Unreachable, match=why) as caught:
        await reach(wanted, create_conn, MetadataRequest([]))
    assert wanted.bootstrap in str(caught.value)
    assert WRONG not in str(caught.value)


@pytest.mark.parametrize("listener", ["SEALED", "PROVEN"])
async def test_certificates_open_what_asks_for_them(
    guarded: tuple[Node, Certificates], listener: str
) -> None:
    await expect_open(cluster(guarded, listener))


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("listener", ["NAMED", "BOTH"])
async def test_a_name_and_password_open_what_asks_for_them(
    guarded: tuple[Node, Certificates],
    listener: str,
    mechanism: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # At `debug` aiokafka logs its requests, and with PLAIN the password is in one.
    caplog.set_level(logging.INFO)
    await expect_open(cluster(guarded, listener, mechanism=mechanism))
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(
    "changed", [{"password": Secret(WRONG)}, {"username": "nobody"}], ids=["password", "user"]
)
async def test_a_wrong_name_or_password_is_said(
    guarded: tuple[Node, Certificates], mechanism: str, changed: dict[str, Any]
) -> None:
    wanted = cluster(guarded, "NAMED", mechanism=mechanism, **changed)
    await expect_closed(wanted, f"refused by {mechanism}: see TOCSIN_KAFKA_USERNAME")


async def test_an_authority_that_did_not_sign_is_said(
    guarded: tuple[Node, Certificates], tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    for listener in ("SEALED", "BOTH"):
        wanted = cluster(guarded, listener, ca=tmp_path / "other.pem")
        await expect_closed(wanted, "certificate is not trusted .*: see TOCSIN_KAFKA_CA")


async def test_the_authorities_of_the_machine_do_not_trust_a_simulated_one(
    guarded: tuple[Node, Certificates],
) -> None:
    await expect_closed(cluster(guarded, "SEALED", ca=None), "see TOCSIN_KAFKA_CA")


async def test_a_certificate_that_is_asked_for_and_lacking_is_said(
    guarded: tuple[Node, Certificates],
) -> None:
    wanted = cluster(guarded, "PROVEN", certificate=None, key=None)
    await expect_closed(wanted, "TOCSIN_KAFKA_CERTIFICATE")


async def test_another_protocol_than_the_listeners_is_said(
    guarded: tuple[Node, Certificates],
) -> None:
    node, certificates = guarded
    spoken = Cluster(bootstrap=node.bootstrap, security="ssl", ca=certificates.ca)
    await expect_closed(spoken, "TOCSIN_KAFKA_SECURITY")
    unsaid = Cluster(bootstrap=node.bootstrap_of("NAMED"))
    await expect_closed(unsaid, "TOCSIN_KAFKA_SECURITY")


async def test_a_port_where_nothing_listens_is_said() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        wanted = Cluster(bootstrap=f"127.0.0.1:{held.getsockname()[1]}")
        await expect_closed(wanted, "nothing listens there")


async def test_one_address_of_several_is_enough(guarded: tuple[Node, Certificates]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{held.getsockname()[1]}"
        await expect_open(Cluster(bootstrap=f"{dead},{guarded[0].bootstrap}"))


def test_no_repr_shows_the_password() -> None:
    wanted = Cluster(
        bootstrap=ANYWHERE, security="sasl_ssl", username="u", password=Secret(PASSWORD)
    )
    options = client_options(wanted)
    assert options["sasl_plain_password"] == PASSWORD
    assert PASSWORD not in f"{wanted!r} {options} {options['sasl_plain_password']!r}"


def test_tls_checks_the_name_and_the_certificate() -> None:
    context = client_options(Cluster(bootstrap=ANYWHERE, security="ssl"))["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"bootstrap": "broker.example"}, "'broker.example' is no address: write HOST:PORT"),
        ({"bootstrap": "broker.example:0"}, "is no address"),
        ({"bootstrap": "broker.example:70000"}, "is no address"),
        ({"bootstrap": f"{ANYWHERE},"}, "'' is no address"),
        ({"bootstrap": ",".join([ANYWHERE] * 65)}, "65 addresses, 64 at most"),
        ({"security": "sasl_ssl"}, "needs TOCSIN_KAFKA_USERNAME and"),
        ({"security": "sasl_ssl", "username": "u"}, "needs TOCSIN_KAFKA_USERNAME and"),
        ({"username": "u", "password": Secret(PASSWORD)}, "are sent only with"),
        ({"ca": Path("ca.pem")}, "are of use only with"),
        ({"security": "ssl", "key": Path("k.pem")}, "needs the certificate"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(parts: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        Cluster(**({"bootstrap": ANYWHERE} | parts))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("name", ["ca", "certificate"])
@pytest.mark.parametrize(("file", "why"), [("absent", "No such file"), ("wrong", "no PEM file")])
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, file: str, why: str
) -> None:
    (tmp_path / "wrong").write_text("not a certificate")
    parts: dict[str, Any] = {"bootstrap": ANYWHERE, "security": "ssl", name: tmp_path / file}
    with pytest.raises(UsageError, match=f"TOCSIN_KAFKA_{name.upper()}: .*{file}: .*{why}"):
        client_options(Cluster(**parts))
