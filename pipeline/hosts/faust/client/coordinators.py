"""Coordinators: what a transaction asks of the broker that keeps it, and of its group's.

Every request goes out until it is answered, but for the two that may do harm when they come twice:
offsets and the end of a transaction, where the broker does not raise the epoch with every end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from pipeline.hosts.faust.client import codes
from pipeline.hosts.faust.client.batches import Place, Writer
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.client.errors import (
    Abortable,
    ClientError,
    Fenced,
    Indefinite,
    Refused,
    StaleGeneration,
    UnknownTopic,
)
from pipeline.hosts.faust.client.link import GROUP, TRANSACTION, UNANSWERED, Link, Patience
from pipeline.hosts.faust.client.packing import Packed, Said, add_partitions, txn_offset_commit
from pipeline.hosts.faust.client.requests import (
    ADD_OFFSETS,
    END_TXN_V3,
    END_TXN_V5,
    INIT_PRODUCER_ID,
)
from pipeline.hosts.faust.points import reached

_NOBODY: Final = Writer(-1, -1)
"""Producer id and epoch of one who has none yet."""


class Member(msgspec.Struct, frozen=True):
    """Who commits: a member of a group in one generation, as its last rebalance made it."""

    group: str
    generation: int
    member_id: str
    instance_id: str


class Coordinators:
    """One transactional id at its coordinator, and the group whose offsets go with it."""

    def __init__(
        self, link: Link, transactional_id: str, transaction_timeout_ms: int, patience_s: float
    ) -> None:
        self.transactional_id = transactional_id
        self.writer = _NOBODY
        self.raises_epochs = False
        """Whether the coordinator answers every end with a new epoch (EndTxn v5, KIP-890)."""
        self._link = link
        self._transaction_timeout_ms = transaction_timeout_ms
        self._patience_s = patience_s

    async def take_id(self) -> None:
        """InitProducerId: a new epoch of our id, which fences the former holder.

        Who has held it before asks with its own epoch, and is refused if another has come since.
        """
        self.raises_epochs = await self._link.raises_epochs(self.transactional_id)
        answer = await self._link.ask(
            TRANSACTION,
            self.transactional_id,
            INIT_PRODUCER_ID(self.transactional_id, self._transaction_timeout_ms, *self.writer),
            lambda answer: (answer.error_code,),
        )
        if answer.error_code:
            raise self._refusal(answer.error_code, self._id)
        self.writer = Writer(answer.producer_id, answer.producer_epoch)

    async def add_partitions(self, places: Iterable[Place]) -> None:
        """AddPartitionsToTxn, once, for every partition that the epoch writes to."""
        wanted = set(places)
        if wanted:
            await self._ask_places(
                TRANSACTION,
                self.transactional_id,
                add_partitions(self.transactional_id, self.writer, wanted),
            )

    async def add_offsets(self, group: str) -> None:
        """AddOffsetsToTxn: offsets of this group are going to be part of the transaction."""
        answer = await self._link.ask(
            TRANSACTION,
            self.transactional_id,
            ADD_OFFSETS(self.transactional_id, *self.writer, group),
            lambda answer: (answer.error_code,),
        )
        if answer.error_code:
            raise self._refusal(answer.error_code, f"group {group}")

    async def stage_offsets(self, offsets: Mapping[Place, int], member: Member) -> None:
        """TxnOffsetCommit: refused unless the member is still the one the group knows.

        Unanswered, it is sent again only where epochs are raised: elsewhere a late duplicate could
        put these offsets over those of a later epoch.
        """
        whose = (member.group, member.generation, member.member_id, member.instance_id)
        call = txn_offset_commit(self.transactional_id, self.writer, whose, offsets)
        try:
            await self._ask_places(GROUP, member.group, call, is_repeatable=self.raises_epochs)
        except UNANSWERED as error:
            raise Abortable("the group's coordinator did not answer to the offsets") from error

    async def end(self, *, is_committed: bool) -> None:
        """EndTxn, until it is answered, or once only where a repetition could do harm.

        With v5 the coordinator knows a repetition by its epoch. A late duplicate of an older
        version ended the next transaction when half of it was written (measured), so it is sent
        again only after an answer. Raises Indefinite where nobody knows what came of it.
        """
        patience = Patience()
        is_doubtful = False
        while True:
            connection = await self._link.open(TRANSACTION, self.transactional_id)
            try:
                answer = await self._send_end(connection, is_committed=is_committed)
            except UNANSWERED as error:
                self._link.forget_coordinator(TRANSACTION, self.transactional_id)
                if not self.raises_epochs:
                    raise self.unknown() from error
                is_doubtful = True
            else:
                code = answer.error_code
                if not code:
                    if self.raises_epochs:
                        self.writer = Writer(answer.producer_id, answer.producer_epoch)
                    return
                if code in codes.COORDINATOR_MOVED:
                    self._link.forget_coordinator(TRANSACTION, self.transactional_id)
                elif code not in codes.COORDINATOR_BUSY:
                    raise self.unknown() if is_doubtful else self._refusal(code, self._id)
            await patience.wait()

    async def _send_end(self, connection: Any, *, is_committed: bool) -> Any:
        """Write EndTxn to a connection that stands, and wait for its answer."""
        shape = END_TXN_V5 if self.raises_epochs else END_TXN_V3
        waiting = self._link.post(
            connection, shape(self.transactional_id, *self.writer, is_committed)
        )
        reached("end-sent")
        return await waiting

    def unknown(self) -> Indefinite:
        """The error of an end that nobody answered."""
        return Indefinite(
            f"{self.transactional_id}: whether the epoch was committed is not known; "
            "the next start reads it from the log"
        )

    @property
    def _id(self) -> str:
        return f"transactional id {self.transactional_id}"

    async def _ask_places(
        self, kind: Any, key: str, call: Packed, *, is_repeatable: bool = True
    ) -> None:
        """Ask a coordinator about partitions, and raise what it says against any of them.

        An unknown topic is asked about again for a while: one just created needs a moment.
        """
        patience = Patience()
        until_s = asyncio.get_running_loop().time() + self._patience_s
        while True:
            said: Said = await self._link.ask(
                kind,
                key,
                call,
                lambda said: [each[2] for each in said],
                is_repeatable=is_repeatable,
            )
            refused = {code: topic for topic, _, code, _ in said if code}
            if len(refused) > 1:
                # The one bad topic is at fault; the others were left out because of it.
                refused.pop(Code.OPERATION_NOT_ATTEMPTED, None)
            if not refused:
                return
            code, topic = next(iter(refused.items()))
            if code != Code.UNKNOWN_TOPIC_OR_PARTITION:
                raise self._refusal(code, topic)
            if asyncio.get_running_loop().time() > until_s:
                raise UnknownTopic(topic)
            await patience.wait()

    def _refusal(self, code: int, what: str) -> ClientError:
        """The error that a coordinator's error code asks for."""
        said = codes.name(code)
        if code in codes.FENCED:
            return Fenced(f"{self.transactional_id} was taken over, or timed out: {said}")
        if code in codes.REBALANCED:
            return StaleGeneration(f"the group has rebalanced meanwhile: {said}")
        if code in codes.LEFT_BEHIND:
            return Fenced(f"the group does not know this member any more: {said}")
        if code in codes.ABORTABLE:
            return Abortable(f"{what}: {said}")
        if code == Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return Refused(self._id, said)
        return Refused(what, said)
