"""What a value costs on its way to bytes and back: an Alert on a topic, a row of a table.

Beside it, in the same run, bare fastavro on a dict that somebody else made: what is not ours to
save. CPU time of this process, the best of several rounds.
"""

import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import fastavro
import msgspec
from msgspec import Struct

from pipeline.codec import StateCodec, decode, derive, encode
from pipeline.domain.alert import Alert
from pipeline.domain.stage import TableSpec
from tests.real import ROOT

ROUNDS = 7
CALLS = 5_000
ALERT_US_MAX = 26.0
ROW_US_MAX = 3.0


class Row(Struct, frozen=True, array_like=True):
    """A row of the size that stages keep per fingerprint."""

    incident_id: str
    status: str
    first_at_ms: int
    last_at_ms: int
    count: int
    flaps: tuple[int, ...] = ()


ROW = Row("00d1b54a32d192ed.17", "firing", 1_763_690_000_123, 1_763_690_003_456, 42, (1, 2, 3))


def bench_alert() -> Alert:
    """The shared bench value; where it is absent, one of our own of the same size."""
    path = ROOT.parent / "shared" / "samples" / "bench_alert.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Alert)
    texts: dict[str, Any] = {name: f"{name} of 20 letters" for name in Alert.__struct_fields__[:16]}
    return Alert(
        **{**texts, "description": "d" * 80, "severity": "critical", "status": "firing"},
        value=7.31,
        threshold=5.0,
        starts_at_ms=1_763_690_000_123,
        received_at_ms=1_763_690_003_456,
        labels={"team": "payments", "tier": "1", "pod": "checkout-7d9f8-abcde", "job": "checkout"},
        annotations={"runbook": "r" * 40, "dashboard": "d" * 30},
        tags=("payments", "slo", "pager"),
        trace_id="4" * 32,
        version=3,
    )


def cost_us(call: Callable[[], object]) -> float:
    """CPU microseconds of one call, the best of ROUNDS."""
    best_ns = 0
    for _ in range(ROUNDS):
        began_ns = time.process_time_ns()
        for _ in range(CALLS):
            call()
        took_ns = time.process_time_ns() - began_ns
        best_ns = min(best_ns or took_ns, took_ns)
    return best_ns / CALLS / 1_000


def main() -> None:
    """Print the table."""
    alert = bench_alert()
    framed, plain = encode(alert), msgspec.to_builtins(alert)
    schema = fastavro.parse_schema(derive(Alert))
    rows: StateCodec[Row] = StateCodec(TableSpec(name="bench", type=Row))
    kept = rows.encode(ROW)
    encode_us = cost_us(lambda: encode(alert))
    decode_us = cost_us(lambda: decode(Alert, framed))
    bare_us = cost_us(lambda: fastavro.schemaless_writer(BytesIO(), schema, plain))
    bare_us += cost_us(lambda: fastavro.schemaless_reader(BytesIO(framed[10:]), schema, None))
    row_us = cost_us(lambda: rows.decode(rows.encode(ROW)))
    both_us = encode_us + decode_us
    print(f"Alert, 27 fields, {len(framed)} bytes as Avro; a row of {len(kept)} bytes")
    print(f"  encode                 {encode_us:6.2f} µs")
    print(f"  decode                 {decode_us:6.2f} µs")
    print(f"  both                   {both_us:6.2f} µs   (must {ALERT_US_MAX:.0f})")
    print(f"  bare fastavro, dicts   {bare_us:6.2f} µs   ratio {both_us / bare_us:.2f}")
    print(f"  a row of a table, both {row_us:6.2f} µs   (must {ROW_US_MAX:.0f})")


if __name__ == "__main__":
    main()
