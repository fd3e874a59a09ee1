"""What a commit can come to, by what the caller has to do next.

TocsinError
└── ClientError          whatever this package raises
    ├── Abortable        nothing is visible and the transaction is closed: run the epoch again
    │   └── StaleGeneration   the group has moved on: run it again only when it was given back
    ├── Refused          nothing is visible; the broker will refuse it again: stop, name it
    │   └── UnknownTopic
    ├── Unreachable      no broker let us in, nothing was asked of any: a person looks, or waits
    └── Fatal            end the process: the next start sorts it out
        ├── Fenced       another process holds this transactional id, member id or instance id
        ├── Indefinite   nobody knows whether EndTxn was carried out
        └── Late         not committed within half the transaction timeout; nothing is visible
"""

from __future__ import annotations

from pipeline.domain.errors import TocsinError


class ClientError(TocsinError):
    """Whatever happens between us and the brokers."""


class Abortable(ClientError):
    """The epoch was aborted: nothing of it is visible, and it may be run again."""


class StaleGeneration(Abortable):
    """The group has moved to another generation: its partitions may be somebody else's now."""


class Refused(ClientError):
    """The broker will not take it, today or on a second try; nothing of the epoch is visible."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        """The topic that is refused, or the group or transactional id, then with that word."""
        self.why = why


class UnknownTopic(Refused):
    """The cluster has no topic of this name, or hides it from us."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic, "there is no such topic; `tocsin topology apply` creates them")


class Unreachable(ClientError):
    """No broker let us in at the addresses that we were given; the text has no reason for each,
    since aiokafka keeps them in its own log.
    """

    def __init__(self, where: str) -> None:
        super().__init__(
            f"no broker lets us in at {where}: see whether Kafka runs there, and is what"
            " TOCSIN_KAFKA_BOOTSTRAP, TOCSIN_KAFKA_SECURITY and its credentials say;"
            " `tocsin topology plan` says why it does not"
        )


class Fatal(ClientError):
    """The process may not go on: end it, and let the next start take over from the log."""


class Fenced(Fatal):
    """Somebody else holds our transactional id or our place in the group."""


class Indefinite(Fatal):
    """EndTxn was sent and not answered: only a new start can find out what came of it."""


class Late(Fatal):
    """The brokers took longer than an epoch may take; nothing of it is visible."""
