"""The Kafka host: the same tasks inside Faust, one Kafka transaction per epoch.

`client` is what we change of aiokafka, `state` where tables stand, `stream` what we change of
Faust, `worker` all of it in one process. How it works: infra/docs/exactly-once.md.
"""
