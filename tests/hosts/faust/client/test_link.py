"""Where no broker lets us in, whoever connects is told where that was and what to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from pipeline.hosts.faust.client.bulk import BulkReader
from pipeline.hosts.faust.client.errors import ClientError, Unreachable
from pipeline.hosts.faust.client.membership import standings
from pipeline.hosts.faust.client.offsets import fence
from pipeline.hosts.faust.client.transactions import EpochProducer
from tests.wait import wait_until_async

Options = Mapping[str, Any]
Connects = Callable[[Options], Awaitable[object]]


async def read(options: Options) -> None:
    reader = BulkReader(options, patience_s=2)
    try:
        await reader.start()
    finally:
        await reader.stop()


async def produce(options: Options) -> None:
    producer = EpochProducer(options, "nobody", transaction_timeout_ms=10_000)
    try:
        await producer.start()
    finally:
        await producer.stop()


CONNECTING: list[Connects] = [
    read,
    produce,
    lambda options: fence(options, "nobody"),
    lambda options: standings(options, {}),
]


@pytest.mark.parametrize("connect", CONNECTING, ids=["reader", "producer", "fence", "standings"])
async def test_nobody_there_is_told_with_what_to_look_at(connect: Connects) -> None:
    with pytest.raises(Unreachable) as caught:
        await connect({"bootstrap_servers": "127.0.0.1:2,127.0.0.1:1"})
    text = str(caught.value)
    assert isinstance(caught.value, ClientError)
    assert "127.0.0.1:1, 127.0.0.1:2" in text
    assert "TOCSIN_KAFKA_BOOTSTRAP" in text
    assert "`tocsin topology plan`" in text


async def test_who_hangs_up_lets_nobody_in_and_no_password_is_shown() -> None:
    asked: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        options = {
            "bootstrap_servers": f"{host}:{port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "tocsin",
            "sasl_plain_password": "hush-hush",
        }
        with pytest.raises(Unreachable, match=f"{host}:{port}") as caught:
            await read(options)
        await wait_until_async(lambda: bool(asked), what="it was asked")
    assert "hush" not in str(caught.value)
