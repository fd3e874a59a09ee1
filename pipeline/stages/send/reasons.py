"""The reasons of `send`. What happens per notification is only counted: its receipt says it."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

QUEUED: Final = Reason("send.queued", "{receiver} is to be told {action}", is_audited=False)
CALLED: Final = Reason("send.called", "{receiver} is called, attempt {attempt}", is_audited=False)
DELIVERED: Final = Reason("send.delivered", "{receiver} took {action}", is_audited=False)
COLLAPSED: Final = Reason("send.collapsed", "{receiver}: {detail}", is_audited=False)
DROPPED: Final = Reason("send.dropped", "{receiver}: {action} was dropped: {detail}")
REFUSED: Final = Reason("send.refused", "{receiver} was not told {action}: {detail}")
AMBIGUOUS: Final = Reason("send.ambiguous", "{receiver} may have been told {action}: {detail}")
RETRY: Final = Reason("send.retry", "{receiver} did not take {action}: {detail}", is_audited=False)
SAID_AGAIN: Final = Reason(
    "send.said-again",
    "{receiver} took {action}, and is told once more, since a trigger may still arrive",
)
INHERITED: Final = Reason(
    "send.inherited",
    "a call to {receiver} of worker {slot} has no result; it counts as ambiguous",
)
THROTTLED: Final = Reason("send.throttled", "{receiver} limits our rate", is_audited=False)
OPENED: Final = Reason("send.breaker-opened", "{receiver} fails: {detail}; it is left alone")
CLOSED: Final = Reason("send.breaker-closed", "{receiver} answers again")
KNOWN: Final = Reason("send.known", "{receiver} has this notification already", is_audited=False)
LATE_RESULT: Final = Reason(
    "send.late-result", "a result for attempt {attempt} came too late", is_audited=False
)

RESULT_REASONS: Final = {
    "delivered": DELIVERED,
    "refused": REFUSED,
    "dropped": DROPPED,
    "collapsed": COLLAPSED,
    "ambiguous": AMBIGUOUS,
}
"""The reason that is counted with each receipt, by its result."""
