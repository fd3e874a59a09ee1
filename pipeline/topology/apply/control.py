"""Control: what is applied, as the control topic says it; read by apply, workers and edges.

Keys: `installation` (8 random characters, made once) · `applied` (the hash of the topology that
may run) · `text:<hash>` (that file's text, for replays under the rules of the time) · `owned` (the
topics that an apply made or took over, as a JSON list) · `state:migrate` (a migration into this
application is under way: until it ends, nothing counts as applied) · `state:migrated` (what was
migrated). What stands under other keys is not ours.

All is written in one transaction under one transactional id per application, so that an apply
that was interrupted has written nothing, and a second one at the same time is fenced.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer, errors
from msgspec import Struct, field

from pipeline.topology.apply.connection import Connection, Options, connected
from pipeline.topology.apply.errors import ClusterError, said
from pipeline.topology.apply.reading import read_latest
from pipeline.topology.desired import control_topic

INSTALLATION: Final = "installation"
APPLIED: Final = "applied"
OWNED: Final = "owned"
TEXT: Final = "text:"
MIGRATING: Final = "state:migrate"
MIGRATED: Final = "state:migrated"

TEXTS_MAX: Final = 500
"""Texts that are kept; of more the ones published longest ago go, and with them their replays."""

_TIMEOUT_MS: Final = 20_000


class Control(Struct, frozen=True, kw_only=True):
    """What was applied; every field is empty where nothing was. `texts` is by hash, the one
    published last at its end.
    """

    installation: str = ""
    applied: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    owned: frozenset[str] = frozenset()
    migrating: bytes = b""
    """What a migration that has not ended says of itself."""
    migrated: bytes = b""
    """What the one that has ended says of itself."""

    @property
    def text(self) -> str:
        """The text of the topology that is applied."""
        return self.texts.get(self.applied, "")


async def read_control(options: Options, app: str) -> Control:
    """The control topic of an application, read to its end; empty where there is none.

    Raises ClusterError.
    """
    async with connected(options) as connection:
        return await control_of(connection, options, app)


async def control_of(connection: Connection, options: Options, app: str) -> Control:
    """As `read_control`, over a connection that is open."""
    records = await read_latest(connection, options, control_topic(app))
    found = {(key or b"").decode(): value for key, value in records.items()}
    return Control(
        installation=found.get(INSTALLATION, b"").decode(),
        applied="" if MIGRATING in found else found.get(APPLIED, b"").decode(),
        texts={
            key.removeprefix(TEXT): value.decode()
            for key, value in found.items()
            if key.startswith(TEXT)
        },
        owned=frozenset(json.loads(found.get(OWNED, b"[]"))),
        migrating=found.get(MIGRATING, b""),
        migrated=found.get(MIGRATED, b""),
    )


class Publisher:
    """Writes the control topic of one application; whoever else had it open no longer can."""

    def __init__(self, producer: Any, app: str) -> None:
        self._producer = producer
        self._app = app

    async def publish(
        self, before: Control, applied: str, text: str, owned: Iterable[str]
    ) -> Control:
        """Publish a topology; the Control as it then is. `before` was read since this was opened.

        Raises ClusterError; then either all of it is published or nothing, and `apply` can be
        run again.
        """
        others = [hash_ for hash_ in before.texts if hash_ != applied]
        kept = others[-(TEXTS_MAX - 1) :]
        after = Control(
            installation=before.installation or secrets.token_hex(4),
            applied=applied,
            texts={**{hash_: before.texts[hash_] for hash_ in kept}, applied: text},
            owned=frozenset(owned),
        )
        records = {
            INSTALLATION: after.installation,
            **{f"{TEXT}{hash_}": None for hash_ in others if hash_ not in after.texts},
            f"{TEXT}{applied}": text,
            OWNED: json.dumps(sorted(after.owned)),
            APPLIED: applied,
        }
        topic = control_topic(self._app)
        doing = f"publishing to {topic}"
        try:
            async with self._producer.transaction():
                sent = []
                for key, value in records.items():
                    raw = None if value is None else value.encode()
                    sent.append(
                        await self._producer.send(topic, raw, key=key.encode(), partition=0)
                    )
                # The producer would commit a transaction whose records were refused.
                await asyncio.gather(*sent)
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise said(error, doing) from error
        return after


@asynccontextmanager
async def publishing(options: Options, app: str) -> AsyncIterator[Publisher]:
    """A Publisher whose opening fences another apply that is under way. Raises ClusterError."""
    producer = AIOKafkaProducer(
        **{
            **options,
            "client_id": "tocsin-topology",
            "transactional_id": control_topic(app),
            "transaction_timeout_ms": _TIMEOUT_MS,
            "request_timeout_ms": _TIMEOUT_MS,
            # A topology.yaml may have a mebibyte, which is more than a record may.
            "compression_type": "gzip",
            "max_request_size": 8 * 2**20,
        }
    )
    try:
        try:
            await producer.start()
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise said(error, f"opening {control_topic(app)} for writing") from error
        yield Publisher(producer, app)
    finally:
        with suppress(errors.KafkaError, ClusterError):
            await producer.stop()
