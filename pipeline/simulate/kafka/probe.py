"""Ask a port whether a Kafka answers there: ApiVersions v0 and Metadata v1 of the Kafka protocol.

Two requests by hand, so that starting a node needs no client library. The layouts are those of
Kafka's protocol guide: a size, then the header (api key, version, correlation id, client id).
"""

from __future__ import annotations

import socket
import struct
from typing import Final

WITHIN_S: Final = 2.0
ANSWER_BYTES_MAX: Final = 1_048_576
"""More is no answer of a small cluster to these questions."""

API_VERSIONS: Final = 18
METADATA: Final = 3
_CLIENT: Final = b"tocsin"


class NoKafka(OSError):
    """What listens on the port does not answer as a Kafka does."""


def brokers_at(host: str, port: int) -> int:
    """How many brokers the node knows to be alive; at least 1 when it can be used.

    Raises OSError where nothing listens or nothing answers within WITHIN_S.
    """
    with socket.create_connection((host, port), timeout=WITHIN_S) as connection:
        supported = _call(connection, API_VERSIONS, 0, b"")
        if struct.unpack_from(">h", supported)[0] != 0:
            raise NoKafka("ApiVersions is refused")
        # An empty array of topics asks for none: only the brokers are of interest.
        answer = _call(connection, METADATA, 1, struct.pack(">i", 0))
        count: int = struct.unpack_from(">i", answer)[0]
        return count


def _call(connection: socket.socket, api: int, version: int, body: bytes) -> bytes:
    request = struct.pack(">hhih", api, version, api, len(_CLIENT)) + _CLIENT + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _exactly(connection, 4))
    if not 6 <= size <= ANSWER_BYTES_MAX:
        raise NoKafka(f"an answer of {size} bytes")
    answer = _exactly(connection, size)
    if struct.unpack_from(">i", answer)[0] != api:
        raise NoKafka("the answer belongs to another question")
    return answer[4:]


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise NoKafka("the connection was closed")
        found += part
    return found
