"""Where Kafka is and how to get in: an address, a protocol, a name, files of certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args

from msgspec import Struct

from pipeline.domain.errors import UsageError
from pipeline.domain.secret import MASK, Secret

Security = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
SECURITIES: Final[tuple[str, ...]] = get_args(Security)
MECHANISMS: Final[tuple[str, ...]] = get_args(Mechanism)

ADDRESSES_MAX: Final = 64
PORT_MAX: Final = 65_535


class Cluster(Struct, frozen=True, kw_only=True):
    """How clients reach Kafka; no part of it that is secret is ever shown.

    Raises UsageError, naming the environment's variable, where parts contradict each other.
    """

    bootstrap: str
    """HOST:PORT of one broker or of some, with commas between."""

    security: Security = "plaintext"
    """What is spoken: with or without TLS, with or without a name and password."""

    mechanism: Mechanism = "SCRAM-SHA-512"
    """How name and password are proven. PLAIN shows the password to the broker."""

    username: str = ""
    password: Secret | None = None

    ca: Path | None = None
    """PEM file of the authorities to trust; None: those of the machine."""

    certificate: Path | None = None
    """PEM file that proves who we are, for brokers that ask."""

    key: Path | None = None
    """PEM file of its private key, not encrypted; None: it is in `certificate`."""

    def __post_init__(self) -> None:
        check_addresses(self.bootstrap)
        if self.is_sasl and not (self.username and self.password):
            raise UsageError(
                f"TOCSIN_KAFKA_SECURITY={self.security} needs TOCSIN_KAFKA_USERNAME and"
                " TOCSIN_KAFKA_PASSWORD"
            )
        if not self.is_sasl and (self.username or self.password):
            raise UsageError(
                "TOCSIN_KAFKA_USERNAME and TOCSIN_KAFKA_PASSWORD are sent only with"
                " TOCSIN_KAFKA_SECURITY=sasl_ssl or sasl_plaintext"
            )
        if not self.is_tls and (self.ca or self.certificate or self.key):
            raise UsageError(
                "TOCSIN_KAFKA_CA, _CERTIFICATE and _KEY are of use only with"
                " TOCSIN_KAFKA_SECURITY=ssl or sasl_ssl"
            )
        if self.key and not self.certificate:
            raise UsageError("TOCSIN_KAFKA_KEY needs the certificate: set TOCSIN_KAFKA_CERTIFICATE")

    @property
    def is_sasl(self) -> bool:
        """Whether a name and a password are asked for."""
        return self.security in ("sasl_plaintext", "sasl_ssl")

    @property
    def is_tls(self) -> bool:
        """Whether it is encrypted."""
        return self.security in ("ssl", "sasl_ssl")


class _Unshown(str):
    """A text for a client library that no repr of its options shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


def client_options(cluster: Cluster) -> dict[str, Any]:
    """Keyword arguments of aiokafka's producer, consumer and admin client.

    The password stands in it as text, but its repr does not show it. Raises UsageError where a
    file of certificates cannot be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": cluster.bootstrap,
        "security_protocol": cluster.security.upper(),
    }
    if cluster.is_sasl and cluster.password is not None:
        options["sasl_mechanism"] = cluster.mechanism
        options["sasl_plain_username"] = cluster.username
        options["sasl_plain_password"] = _Unshown(cluster.password.reveal())
    if cluster.is_tls:
        options["ssl_context"] = _trust(cluster)
    return options


def addresses(bootstrap: str) -> Iterator[tuple[str, int]]:
    """HOST:PORT,HOST:PORT in parts; an IPv6 host stands in brackets. Raises UsageError."""
    for one in bootstrap.split(","):
        host, _, port = one.strip().rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= PORT_MAX:
            raise UsageError(
                f"TOCSIN_KAFKA_BOOTSTRAP: {one.strip()!r} is no address: write HOST:PORT, such as"
                " broker.example:9092, with commas between several"
            )
        yield host.strip("[]"), int(port)


def check_addresses(bootstrap: str) -> None:
    """Refuse what is no list of addresses, or too long a one. Raises UsageError."""
    count = sum(1 for _ in addresses(bootstrap))
    if count > ADDRESSES_MAX:
        raise UsageError(
            f"TOCSIN_KAFKA_BOOTSTRAP has {count} addresses, {ADDRESSES_MAX} at most: a few are"
            " enough, since they name the others"
        )


def _trust(cluster: Cluster) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=cluster.ca)
    except OSError as error:
        raise UsageError(_unusable("TOCSIN_KAFKA_CA", cluster.ca, error)) from None
    if cluster.certificate is not None:
        try:
            # Without a password at hand OpenSSL would ask for one at the terminal.
            context.load_cert_chain(cluster.certificate, cluster.key, password=lambda: "")
        except OSError as error:
            names = "TOCSIN_KAFKA_CERTIFICATE"
            names += " or TOCSIN_KAFKA_KEY" if cluster.key else ""
            paths = f"{cluster.certificate}" + (f", {cluster.key}" if cluster.key else "")
            raise UsageError(_unusable(names, paths, error)) from None
    return context


def _unusable(variable: str, path: object, error: OSError) -> str:
    why = (
        "it is no PEM file of that kind, or is encrypted"
        if isinstance(error, ssl.SSLError)
        else (error.strerror or "it cannot be read")
    )
    return f"{variable}: {path}: {why}"
