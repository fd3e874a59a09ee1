"""A loop written by hand on confluent-kafka (librdkafka), a transaction per poll.

State is a dict; nothing is restored. CPU counts librdkafka's own threads as well.
"""

from __future__ import annotations

from confluent_kafka import Consumer, Producer

from tests.bench.kafka.job import Job, Meter
from tests.bench.kafka.work import Row, decode_alert, encode_json, encode_row, step

QUEUE_MAX = 1_000_000


def run(job: Job) -> None:
    """Do the job."""
    consumer = Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.name,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": job.bootstrap,
            "transactional.id": job.name,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": QUEUE_MAX,
            "linger.ms": 2,
        }
    )
    producer.init_transactions()
    consumer.subscribe([job.source])
    meter, state = Meter(job), dict[str, Row]()
    is_done = False
    while not is_done:
        records = consumer.consume(job.epoch, timeout=0.2)
        if not records:
            continue
        producer.begin_transaction()
        dirty: dict[tuple[int, str], Row] = {}
        for record in records:
            alert = decode_alert(record.value() or b"")
            key = alert.fingerprint
            row, out = step(state.get(key), alert)
            state[key] = dirty[record.partition() or 0, key] = row
            producer.produce(job.target, encode_json(out), key)
        for (partition, key), row in dirty.items():
            producer.produce(job.changelog, encode_row(row), key, partition=partition)
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
        )
        producer.commit_transaction()
        is_done = meter.saw(len(records))
    meter.say()
    consumer.close()


if __name__ == "__main__":
    run(Job.given())
