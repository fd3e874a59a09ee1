"""Avro on topics and msgpack in tables, to and from the domain's values.

`encode` and `decode` are the topic values in Avro's single-object encoding; the schemas are
derived from the Structs and published under `schemas/`. Another framing: `TopicCodec(Confluent(
schemas by id))`. Rows of tables: `StateCodec`.
"""

from pipeline.codec.derive import derive
from pipeline.codec.errors import DecodeError, EncodeError
from pipeline.codec.framing import Confluent, Framing, SingleObject
from pipeline.codec.state import StateCodec
from pipeline.codec.topic import TopicCodec
from pipeline.codec.values import TOPIC_VALUES

__all__ = [
    "TOPIC_VALUES",
    "Confluent",
    "DecodeError",
    "EncodeError",
    "Framing",
    "SingleObject",
    "StateCodec",
    "TopicCodec",
    "decode",
    "derive",
    "encode",
]

_single_object = TopicCodec(SingleObject())
encode = _single_object.encode
decode = _single_object.decode
