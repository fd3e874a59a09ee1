"""What goes wrong between Tocsin and a cluster, said so that a person knows what to do next."""

from __future__ import annotations

from typing import Final

from aiokafka import errors

from pipeline.domain.errors import TocsinError


class ClusterError(TocsinError):
    """The cluster could not be asked or would not do it; nothing is half done that `plan` hides."""


class NoAnswer(ClusterError):
    """No broker answers: try again later, or correct the address."""


class NotAuthorised(ClusterError):
    """The cluster knows us and forbids it, or does not let us in."""


_IN: Final = (
    errors.AuthenticationFailedError,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)
_FORBIDDEN: Final = (
    errors.TopicAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)


def said(error: BaseException, doing: str) -> ClusterError:
    """The error of the client as one of ours. `doing` ends the sentence `… failed while`."""
    why = str(error).strip() or type(error).__name__
    if isinstance(error, ClusterError):
        return error
    if isinstance(error, _IN):
        return NotAuthorised(
            f"the cluster does not let us in while {doing}: {why} (check TOCSIN_KAFKA_SECURITY, "
            "_SASL_MECHANISM, _USERNAME and _PASSWORD)"
        )
    if isinstance(error, _FORBIDDEN):
        return NotAuthorised(
            f"the cluster forbids {doing}: {why} (its ACLs must let this user describe, create and "
            "alter the topics, and write with the transactional id of the control topic)"
        )
    if isinstance(error, errors.IncompatibleBrokerVersion | errors.UnsupportedVersionError):
        return ClusterError(f"the brokers are too old for {doing}: {why} (Apache Kafka 3.7 or 4)")
    if isinstance(error, errors.ProducerFenced):
        return ClusterError(
            f"somebody else applies a topology to this cluster while {doing}: look at "
            "`tocsin topology plan` when they are done"
        )
    if isinstance(error, errors.BrokerResponseError):
        return ClusterError(f"the cluster refuses {doing}: {why}")
    return NoAnswer(f"the cluster does not answer while {doing}: {why}")


def refused(code: int, text: str | None, doing: str) -> ClusterError:
    """The error of a response's code, with the broker's own words."""
    return said(errors.for_code(code)(text or ""), doing)
