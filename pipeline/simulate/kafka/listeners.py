"""What a node listens on, as data, and its lines in server.properties."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from pipeline.domain.errors import UsageError
from pipeline.domain.secret import Secret
from pipeline.simulate.kafka.ports import HOST

Security = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

INTERNAL: Final = "PLAINTEXT"
"""Every node's own listener: between brokers, and for clients that ask for nothing else."""

_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,30}")
_USER: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9_.~+/-]{1,128}")
"""They are written into files of two syntaxes: what would need quoting in either is refused."""


class Listener(Struct, frozen=True):
    """One more listener. Clients of it are told `advertised_port`, a proxy's, unless that is 0."""

    name: str
    security: Security = "plaintext"
    asks_certificate: bool = False
    advertised_port: int = 0

    @property
    def is_tls(self) -> bool:
        """Whether it encrypts."""
        return self.security in ("ssl", "sasl_ssl")

    @property
    def is_sasl(self) -> bool:
        """Whether it asks for a name and a password."""
        return self.security in ("sasl_plaintext", "sasl_ssl")


def check(listeners: Sequence[Listener], users: Mapping[str, Secret], *, has_tls: bool) -> None:
    """Refuse what could not be written into the files. Raises UsageError."""
    names = [listener.name for listener in listeners]
    for name in names:
        if not _NAME.fullmatch(name) or name in (INTERNAL, "CONTROLLER") or names.count(name) > 1:
            raise UsageError(f"{name!r} cannot name a listener: capitals, once, not {INTERNAL}")
    for user, password in users.items():
        if not _USER.fullmatch(user) or not _PASSWORD.fullmatch(password.reveal()):
            raise UsageError(f"user {user!r}: letters, digits and plain signs only")
    if any(listener.is_tls for listener in listeners) and not has_tls:
        raise UsageError("a listener with TLS needs certificates")


def lines(
    listeners: Sequence[Listener],
    ports: Mapping[str, int],
    users: Mapping[str, Secret],
    tls: Path | None,
) -> list[str]:
    """The properties of CONTROLLER, INTERNAL and `listeners`; `tls` holds the PEM files."""
    advertised = {INTERNAL: ports[INTERNAL]}
    advertised |= {one.name: one.advertised_port or ports[one.name] for one in listeners}
    kinds = {"CONTROLLER": "PLAINTEXT", INTERNAL: "PLAINTEXT"}
    kinds |= {one.name: one.security.upper() for one in listeners}
    found = [
        f"listeners={_joined({name: ports[name] for name in kinds})}",
        f"advertised.listeners={_joined(advertised)}",
        "listener.security.protocol.map=" + ",".join(f"{name}:{of}" for name, of in kinds.items()),
        f"sasl.enabled.mechanisms={','.join(MECHANISMS)}",
    ]
    for listener in listeners:
        prefix = f"listener.name.{listener.name.lower()}"
        if listener.is_sasl:
            found += _sasl(prefix, users)
        if listener.is_tls and tls is not None:
            found += _tls(prefix, tls, asks=listener.asks_certificate)
    return found


def _joined(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def _sasl(prefix: str, users: Mapping[str, Secret]) -> list[str]:
    known = " ".join(f'user_{name}="{secret.reveal()}"' for name, secret in users.items())
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return [
        f"{prefix}.sasl.enabled.mechanisms={','.join(MECHANISMS)}",
        f"{prefix}.plain.sasl.jaas.config={plain} required {known};",
        # The users of SCRAM are in the metadata log: formatting put them there.
        f"{prefix}.scram-sha-256.sasl.jaas.config={scram} required;",
        f"{prefix}.scram-sha-512.sasl.jaas.config={scram} required;",
    ]


def _tls(prefix: str, folder: Path, *, asks: bool) -> list[str]:
    return [
        f"{prefix}.ssl.keystore.type=PEM",
        f"{prefix}.ssl.keystore.location={folder / 'server.pem'}",
        f"{prefix}.ssl.truststore.type=PEM",
        f"{prefix}.ssl.truststore.location={folder / 'ca.pem'}",
        f"{prefix}.ssl.client.auth={'required' if asks else 'none'}",
    ]
