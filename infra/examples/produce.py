"""Write an alert straight to `raw-alerts`, as JSON or as Avro.

    python infra/examples/produce.py --bootstrap HOST:PORT DiskFull --service db
    python infra/examples/produce.py --bootstrap HOST:PORT DiskFull --service db --status resolved

It needs aiokafka, and for `--avro` fastavro and the folder `schemas`. What is wrong with a record
is said on `dead-letters`, not here: where an answer is needed, POST to the edge instead.
"""

# ruff: noqa: INP001, T201

import argparse
import asyncio
import io
import json
import math
import uuid
from pathlib import Path

import fastavro
from aiokafka import AIOKafkaProducer
from fastavro.schema import fingerprint, to_parsing_canonical_form

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def as_json(alert: dict[str, str]) -> bytes:
    """The native JSON: only `name` and `status` are needed."""
    return json.dumps(alert).encode()


def as_avro(alert: dict[str, str], folder: Path) -> bytes:
    """An Alert in Avro's single-object encoding. An empty fingerprint is derived from the labels
    and fields; a number that is unknown is NaN.
    """
    schema = json.loads((folder / "Alert.avsc").read_text(encoding="utf-8"))
    derived = {"alert_id": "", "fingerprint": "", "value": math.nan, "threshold": math.nan}
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), derived | alert)
    known = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(known) + body.getvalue()


async def produce(options: argparse.Namespace) -> None:
    """Write one alert, and return when all replicas in sync have it."""
    alert = {
        "name": options.name,
        "status": options.status,
        "severity": options.severity,
        "service": options.service,
    }
    value = as_avro(alert, options.schemas) if options.avro else as_json(alert)
    headers = [
        ("source", b"example"),
        # A record that is written again after a doubt is dropped by this key for 24 hours.
        ("idempotency-key", uuid.uuid4().hex.encode()),  # noqa: TID251
    ]
    if options.tenant:
        headers.append(("tenant", options.tenant.encode()))
    producer = AIOKafkaProducer(
        bootstrap_servers=options.bootstrap, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        # One key for one fact keeps what is said of it in order.
        key = f"{options.name}/{options.service}".encode()
        place = await producer.send_and_wait("raw-alerts", value, key=key, headers=headers)
        print(f"raw-alerts:{place.partition}:{place.offset}")
    finally:
        await producer.stop()


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(description="Write an alert straight to raw-alerts.")
    options.add_argument("name", help="such as DiskFull")
    options.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    options.add_argument("--status", default="firing", choices=["firing", "resolved"])
    options.add_argument("--severity", default="critical")
    options.add_argument("--service", default="")
    options.add_argument("--tenant", default="", help="whose alert it is; else `default`")
    options.add_argument("--avro", action="store_true", help="as Avro instead of JSON")
    options.add_argument("--schemas", type=Path, default=SCHEMAS, metavar="FOLDER")
    asyncio.run(produce(options.parse_args()))


if __name__ == "__main__":
    main()
