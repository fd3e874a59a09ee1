"""Certificates of a simulated cluster: one authority, the nodes' certificate, and a client's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import trustme
from cryptography.hazmat.primitives import serialization

from pipeline.simulate.kafka.ports import HOST

PRIVATE: Final = 0o600


class Certificates:
    """PEM files in a folder: `ca` to trust, `certificate` and `key` of a client that it trusts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.certificate = folder / "client.pem"
        self.key = folder / "client.key"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca))
        _write(folder / "server.pem", _whole(authority.issue_cert("localhost", HOST)))
        client = authority.issue_cert("client@tocsin.invalid", common_name="client")
        self.certificate.write_bytes(b"".join(one.bytes() for one in client.cert_chain_pems))
        _write(self.key, client.private_key_pem.bytes())


def _whole(issued: trustme.LeafCert) -> bytes:
    """Key and chain in one PEM; Kafka reads keys as PKCS #8 only, and trustme writes SEC 1."""
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    written = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return written + b"".join(one.bytes() for one in issued.cert_chain_pems)


def _write(path: Path, content: bytes) -> None:
    path.touch(PRIVATE)
    path.write_bytes(content)
