"""What this package overrides and uses of Faust and mode, for the check at the start (rule 13)."""

from __future__ import annotations

from typing import Final

from pipeline.hosts.faust.client.check import Part

_APP: Final = "faust.app.base:App"
_BOOT: Final = "faust.app.base:BootStrategy"
_TABLES: Final = "faust.tables.manager:TableManager"
_CONSUMER: Final = "faust.transport.consumer:Consumer"
_TRANSACTIONS: Final = "faust.transport.consumer:TransactionManager"
_DRIVER: Final = "faust.transport.drivers.aiokafka"
_SENT: Final = "self topic key value partition timestamp headers transactional_id"

FAUST: Final = Part(
    "faust-streaming",
    "0.15.3",
    {
        f"{_APP}._create_directories": "self",
        f"{_APP}._new_transport": "self",
        f"{_APP}._new_producer_transport": "self",
        f"{_APP}._on_agent_error": "self agent exc",
        f"{_APP}._stop_consumer": "self",
        f"{_APP}._wait_for_table_recovery_completed": "self",
        f"{_BOOT}.kafka_consumer": "self",
        f"{_BOOT}.server": "self",
        "faust.serializers.schemas:Schema.compile": (
            "self app on_key_decode_error on_value_decode_error default_propagate"
        ),
        f"{_TABLES}.add": "self table",
        f"{_TABLES}.on_start": "self",
        f"{_TABLES}.on_stop": "self",
        f"{_TABLES}.on_partitions_revoked": "self revoked",
        f"{_TABLES}.on_rebalance": "self assigned revoked newly_assigned generation_id",
        f"{_CONSUMER}._drain_messages": "self fetcher",
        f"{_CONSUMER}.commit": "self topics start_new_transaction",
        f"{_CONSUMER}.force_commit": "self topics start_new_transaction",
        f"{_CONSUMER}.on_partitions_revoked": "self revoked",
        f"{_CONSUMER}.perform_seek": "self",
        f"{_TRANSACTIONS}.commit": "self offsets start_new_transaction",
        f"{_TRANSACTIONS}.on_partitions_revoked": "self revoked",
        f"{_TRANSACTIONS}.on_rebalance": "self assigned revoked newly_assigned",
        f"{_TRANSACTIONS}.send": _SENT,
        f"{_DRIVER}:AIOKafkaConsumerThread.__post_init__": "self",
        f"{_DRIVER}:AIOKafkaConsumerThread._create_worker_consumer": "self transport",
        f"{_DRIVER}:Consumer._new_consumer_thread": "self",
        f"{_DRIVER}:Consumer.verify_event_path": "self now tp",
        f"{_CONSUMER}.close": "self",
        f"{_DRIVER}:ConsumerRebalanceListener.on_partitions_assigned": "self assigned",
        f"{_DRIVER}:ConsumerRebalanceListener.on_partitions_revoked": "self revoked",
        f"{_DRIVER}:Producer.flush": "self",
        f"{_DRIVER}:Producer.on_start": "self",
        f"{_DRIVER}:Producer.on_stop": "self",
        f"{_DRIVER}:Producer.send": _SENT,
        f"{_DRIVER}:Producer.send_and_wait": _SENT,
        "faust.transport.producer:Producer.send_soon": "self fut",
    },
    {
        f"{_APP}.create_event": "key value headers message",
        f"{_APP}.on_rebalance_end": "",
        f"{_APP}.topic": "topics schema",
        f"{_APP}.agent": "channel name",
        "faust.assignor.partition_assignor:PartitionAssignor.assigned_standbys": "",
        f"{_TABLES}.on_actives_ready": "",
        f"{_TABLES}.on_standbys_ready": "",
        f"{_CONSUMER}.resume_flow": "",
        "faust.types.tuples:ConsumerMessage.__init__": (
            "topic partition offset timestamp timestamp_type headers key value checksum"
            " serialized_key_size serialized_value_size tp generation_id"
        ),
        "aiokafka.consumer.fetcher:Fetcher.fetched_records": "partitions timeout max_records",
    },
)

MODE: Final = Part(
    "mode-streaming",
    "0.7.1",
    {"mode.services:Service._crash": "self reason"},
    {
        "mode.services:Service.add_async_context": "context",
        "mode.services:Service.task": "fun",
        "mode.threads:QueueServiceThread.call_thread": "fun args kwargs",
    },
)
