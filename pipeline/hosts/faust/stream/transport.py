"""Transport: Faust's way to Kafka, with our consumer, producer and transactions in it."""

from __future__ import annotations

from faust.transport.drivers import aiokafka as driver

from pipeline.hosts.faust.stream.consumer import Consumer
from pipeline.hosts.faust.stream.producer import Producer, Transactions


class Transport(driver.Transport):
    """What an AgentApp reaches its cluster by."""

    Consumer = Consumer
    Producer = Producer
    TransactionManager = Transactions
