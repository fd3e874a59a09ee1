"""A node's place in its cluster: its number, its fellow voters, and how many copies there are."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from msgspec import Struct

from pipeline.simulate.kafka.ports import HOST

ASCII_END: Final = 128


class Seat(Struct, frozen=True):
    """Node `number` of the cluster; `voters` is number → port of the controller's listener."""

    cluster_id: str
    number: int
    voters: Mapping[int, int]

    @classmethod
    def alone(cls, controller_port: int) -> Self:
        """The one node of a cluster of its own."""
        return cls(new_cluster_id(), 1, {1: controller_port})

    @property
    def controller_port(self) -> int:
        """Of this node."""
        return self.voters[self.number]

    def fill(self, template: str, folder: Path) -> str:
        """`server.properties` for this node, with its log in `folder`, without listeners.

        Voters are named in the file, not in the log: so a node may come back on other ports.
        """
        replicas = len(self.voters)
        return template.format(
            node_id=self.number,
            voters=",".join(f"{number}@{HOST}:{port}" for number, port in self.voters.items()),
            folder=folder,
            replicas=replicas,
            replicas_written_min=replicas // 2 + 1,
        )


def new_cluster_id() -> str:
    """16 random bytes as Kafka writes them; never with a first sign that reads as an option."""
    while (made := base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")).startswith("-"):
        pass
    return made


def escaped(properties: str) -> str:
    """The text for Java's `Properties`, which reads Latin-1 and takes a backslash for an escape."""
    units = properties.replace("\\", "\\\\").encode("utf-16-be")
    numbers = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(chr(one) if one < ASCII_END else f"\\u{one:04x}" for one in numbers)
