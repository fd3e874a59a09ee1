"""Whether a cluster lets us in, and if not, why: what a client library keeps in its own log.

aiokafka says only that it could not bootstrap. Which library connects is the caller's choice:
this module names none, and knows an error of the broker by its number in the Kafka protocol.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from pipeline.domain.errors import TocsinError
from pipeline.topology.cluster import Cluster, addresses, client_options

UNSUPPORTED_MECHANISM: Final = 33
ILLEGAL_STATE: Final = 34
AUTHENTICATION_FAILED: Final = 58
"""Kafka protocol guide, "Error codes"."""


class Unreachable(TocsinError):
    """No broker of the cluster let us in; the text has one reason for each address."""


class Connection(Protocol):
    """What `connect` gives."""

    async def send(self, request: Any) -> Any:
        """Ask, and wait for the answer."""

    def close(self) -> Any:
        """End it."""


Connect = Callable[..., Awaitable[Connection]]
"""`aiokafka.conn.create_conn`: host, port and options → a connection that has logged in."""


async def reach(cluster: Cluster, connect: Connect, question: Any) -> None:
    """Return when one address lets us in and answers.

    `question` is a request that anybody may make, `MetadataRequest([])`: a listener that wants a
    password tells its versions to whoever asks, and hangs up at the first real question. Raises
    Unreachable, or UsageError where a file of certificates cannot be used.
    """
    options = client_options(cluster)
    del options["bootstrap_servers"]
    failed = []
    for host, port in addresses(cluster.bootstrap):
        try:
            await _ask(await connect(host, port, **options), question)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next address may work
            failed.append(f"{host}:{port}: {why(cluster, error)}")
        else:
            return
    raise Unreachable(f"Kafka cannot be reached: {'; '.join(failed)}")


async def _ask(connection: Connection, question: Any) -> None:
    try:
        await connection.send(question)
    finally:
        connection.close()


def why(cluster: Cluster, error: BaseException) -> str:
    """A sentence for a person: what was refused, and which setting to look at."""
    number = getattr(error, "errno", None)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}): see TOCSIN_KAFKA_CA"
    if isinstance(error, socket.gaierror):
        return "no such host: see TOCSIN_KAFKA_BOOTSTRAP"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: does Kafka run?"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if number == AUTHENTICATION_FAILED:
        return (
            f"{cluster.username!r} was refused by {cluster.mechanism}: see TOCSIN_KAFKA_USERNAME"
            " and TOCSIN_KAFKA_PASSWORD"
        )
    if number in (UNSUPPORTED_MECHANISM, ILLEGAL_STATE):
        return f"it does not offer {cluster.mechanism}: see TOCSIN_KAFKA_SASL_MECHANISM"
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return error.strerror or "the connection failed"
    return _closed(cluster)


def _closed(cluster: Cluster) -> str:
    """A broker says nothing to who speaks another protocol, or lacks a certificate: it hangs up."""
    asked = f"does it expect another TOCSIN_KAFKA_SECURITY than {cluster.security}"
    if cluster.is_tls and cluster.certificate is None:
        asked += ", or a certificate of ours (TOCSIN_KAFKA_CERTIFICATE)"
    elif cluster.is_tls:
        asked += ", or another certificate of ours (TOCSIN_KAFKA_CERTIFICATE)"
    return f"it closed the connection: {asked}?"
