"""Read a topic of Tocsin's as JSON lines: committed records only, by the published schemas.

    python infra/examples/consume.py --bootstrap HOST:PORT incidents

It needs aiokafka and fastavro, and the folder `schemas`. With `--group` it goes on where the group
has stopped; a record is then seen at least once, so do what you do with it by its key.
"""

# ruff: noqa: INP001, T201

import argparse
import asyncio
import io
import json
from pathlib import Path
from typing import Any

import fastavro
from aiokafka import AIOKafkaConsumer
from fastavro.schema import fingerprint, to_parsing_canonical_form

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def read_schemas(folder: Path) -> dict[bytes, Any]:
    """Every schema that ever wrote a value, by its fingerprint as it stands on the wire."""
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.avsc")]
    schemas = [json.loads(text) for text in texts]
    return {
        bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")): schema
        for schema in schemas
    }


def decode(value: bytes | None, schemas: dict[bytes, Any]) -> Any:
    """Avro's single-object encoding: C3 01, the fingerprint, the body. None is a tombstone."""
    if value is None:
        return None
    return fastavro.schemaless_reader(io.BytesIO(value[10:]), schemas[value[2:10]], None)


async def consume(options: argparse.Namespace) -> None:
    """Print each record; with --until-end stop at the end that the topic has now."""
    schemas = read_schemas(options.schemas)
    consumer = AIOKafkaConsumer(
        options.topic,
        bootstrap_servers=options.bootstrap,
        group_id=options.group,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment()) if options.until_end else {}
        while True:
            found = await consumer.getmany(timeout_ms=500)
            for records in found.values():
                for record in records:
                    key = (record.key or b"").decode()
                    value = decode(record.value, schemas)
                    # Bytes of dead letters need not be text; NaN is no JSON.
                    print(json.dumps({"key": key, "value": value}, default=repr), flush=True)
            if options.group and found:
                await consumer.commit()
            if ends and all([await consumer.position(at) >= end for at, end in ends.items()]):
                return
    finally:
        await consumer.stop()


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(description="Read a topic of Tocsin's as JSON lines.")
    options.add_argument("topic", help="alerts, incidents, notifications, receipts, dead-letters …")
    options.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    options.add_argument("--group", help="go on where this group has stopped")
    options.add_argument("--schemas", type=Path, default=SCHEMAS, metavar="FOLDER")
    options.add_argument("--until-end", action="store_true", help="stop at the end of the topic")
    asyncio.run(consume(options.parse_args()))


if __name__ == "__main__":
    main()
