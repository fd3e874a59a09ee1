"""Every reason that route gives: why somebody was told, and why somebody was not."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

# Why somebody is told.
FIRST: Final = Reason("route.first", "{receiver} is told first, by {path}")
WORSE: Final = Reason("route.worse", "{receiver} is told: it went from {before} to {severity}")
REPEATED: Final = Reason(
    "route.repeated", "{receiver} is told again: unacknowledged since {since}, repeat {repeat}"
)
UNMUTED: Final = Reason("route.unmuted", "{receiver} is told: it fires on and is muted no longer")
REOPENED: Final = Reason("route.reopened", "{receiver} is told: it was resolved and fires again")
UNSNOOZED: Final = Reason("route.unsnoozed", "{receiver} is told: the snooze is over")
UNOWNED: Final = Reason(
    "route.unowned", "{receiver} is told again: it was acknowledged and is so no longer"
)
ACKNOWLEDGED: Final = Reason("route.acknowledged", "{receiver} is told: {author} acknowledged it")
RESOLVED: Final = Reason("route.resolved", "{receiver} is told: it is resolved")
MERGED: Final = Reason("route.merged", "{receiver} is told that it is over: merged into {into}")

RELEASED: Final = Reason("route.released", "{receiver} is told, held back no longer: {because}")

# Why somebody is not.
PAUSED: Final = Reason(
    "route.paused",
    "{receiver} is not told until {until}, by when such are over: {head} by {chance}, from {limit} "
    "on; of those that need somebody at most {risk} are held back",
)
PASSED: Final = Reason("route.passed", "{receiver} was not told: it ended while it was held back")
NOBODY: Final = Reason("route.nobody", "nobody is told: {path} says `receiver: none`")
MUTED: Final = Reason("route.muted", "{receiver} is not told: {by}")
SNOOZED: Final = Reason("route.snoozed", "{receiver} is not told: snoozed until {until}")
WAITING: Final = Reason("route.waiting", "{receiver} is told at {until}: {path} waits {wait}")
TOO_LOW: Final = Reason(
    "route.too_low", "{receiver} is not told: {severity} is less than {path} asks for"
)
TEST: Final = Reason(
    "route.test", "{receiver} is not told: it is a test, and {path} does not match is_test"
)
OWNED: Final = Reason("route.owned", "{receiver} is not told: {author} has acknowledged it")
CALM: Final = Reason("route.calm", "{receiver} is not told: nothing of it fires just now")
OVER: Final = Reason("route.over", "{receiver} is not told: it was over before its turn came")
RESOLVED_OFF: Final = Reason(
    "route.resolved_off", "{receiver} is not told that it is over: {path} says `resolved: false`"
)
ACKNOWLEDGED_OFF: Final = Reason(
    "route.acknowledged_off",
    "{receiver} is not told of the acknowledgement: {path} says `acknowledged: false`",
)
NOT_DUE: Final = Reason("route.not_due", "{receiver} was told; repeat is not due until {until}")
TOLD: Final = Reason(
    "route.told", "{receiver} was told; nothing is to be repeated", is_audited=False
)
REROUTED: Final = Reason(
    "route.rerouted", "{receiver} was told before and the routes no longer lead there"
)
FULL: Final = Reason("route.full", "{receiver} is not told: {most} receivers were told already")
SOURCES_FULL: Final = Reason(
    "route.sources_full",
    "it inhibits nothing: {most} incidents of its scope do so already",
    is_audited=False,  # it would be said with each change of the incident
)
