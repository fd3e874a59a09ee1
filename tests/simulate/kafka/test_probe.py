"""What is no Kafka is not taken for one, whatever it answers."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.simulate.kafka.probe import API_VERSIONS, METADATA, brokers_at


def frame(correlation: int, body: bytes) -> bytes:
    return struct.pack(">ii", 4 + len(body), correlation) + body


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A server of one connection that answers each request so, and hangs up after the last."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for answer in answers:
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(20)


VERSIONS = frame(API_VERSIONS, struct.pack(">hi", 0, 0))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_it_says_how_many_brokers_there_are(count: int) -> None:
    with answering(VERSIONS, frame(METADATA, struct.pack(">i", count))) as port:
        assert brokers_at("127.0.0.1", port) == count


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((b"",), "closed"),
        ((VERSIONS[:5],), "closed"),
        ((VERSIONS,), "closed"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "an answer of"),
        ((frame(7, b"\0" * 6),), "another question"),
        ((frame(API_VERSIONS, struct.pack(">hi", 35, 0)),), "refused"),
    ],
)
def test_what_does_not_answer_as_kafka_is_none(answers: tuple[bytes, ...], why: str) -> None:
    with answering(*answers) as port, pytest.raises(OSError, match=why):
        brokers_at("127.0.0.1", port)
