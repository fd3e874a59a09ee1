"""Every reason that correlate gives."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

# Per repetition: counted only.
DUPLICATE: Final = Reason("correlate.duplicate", "it fires as before", is_audited=False)
REPEATED: Final = Reason("correlate.repeated", "{alert_id} was taken before", is_audited=False)
LATE: Final = Reason(
    "correlate.late", "an older word about {name} came after a newer one", is_audited=False
)
RENEWED: Final = Reason("correlate.renewed", "{name} started anew", is_audited=False)
FULL: Final = Reason(
    "correlate.full", "the incident has {alerts} alerts; further ones are counted", is_audited=False
)
COUNTED: Final = Reason("correlate.counted", "repetitions were counted", is_audited=False)
EXCUSED: Final = Reason(
    "correlate.excused", "nobody listened when it was to end: it may say so again", is_audited=False
)
FORGOTTEN: Final = Reason("correlate.forgotten", "resolved long ago", is_audited=False)
RECEIPT: Final = Reason("correlate.receipt", "a receipt of its notification", is_audited=False)
RECEIPT_UNKNOWN: Final = Reason(
    "correlate.receipt_unknown", "a receipt for {incident_id}, which is not known", is_audited=False
)
RESOLVED_FIRST: Final = Reason(
    "correlate.resolved_first", "{name} resolved before it was seen firing", is_audited=False
)
STILL_CLOSED: Final = Reason(
    "correlate.still_closed", "a person resolved its incident; it fires as before", is_audited=False
)

# Where an alert belongs.
OPENED: Final = Reason("correlate.opened", "{name} opens it: {because}")
JOINED_KEY: Final = Reason("correlate.joined_key", "{name} has the same group key {group}")
JOINED_RULE: Final = Reason("correlate.joined_rule", "{name} belongs to {group} by rule {rule}")
JOINED_DEPENDENCY: Final = Reason(
    "correlate.joined_dependency", "{name} on {service} is {hops} hops from {near}, {gap_s} s apart"
)
JOINED_LINK: Final = Reason(
    "correlate.joined_link",
    "{name} on {service} is one with it by {chance}, as learned ({version}): "
    "{hops} hops from {near}, {gap_s} s apart",
)
KEPT_APART: Final = Reason(
    "correlate.kept_apart",
    "{name} on {service} is one with {other} by {chance} only, as learned ({version}), though it is"
    " {hops} hops from {near}, {gap_s} s apart",
)
RETURNED: Final = Reason("correlate.returned", "{name} fires again in its open incident")
REOPENED: Final = Reason(
    "correlate.reopened", "{name} fires within {within_s} s of its end: {because}"
)
OVERFLOW: Final = Reason(
    "correlate.overflow", "{open} incidents are open in this scope; {name} joins its overflow"
)
MERGED: Final = Reason("correlate.merged", "merged into {into}: {because}")
ABSORBED: Final = Reason("correlate.absorbed", "took in {merged}: {because}")

SPLIT: Final = Reason("correlate.split", "{names} split off into {into}")
SPLIT_FROM: Final = Reason("correlate.split_from", "split off from {other}: {names}")

# What a person said of links, as the outcomes carry it.
LINK_TURNED_OUT: Final = Reason(
    "correlate.link_turned_out", "to be learned of a link: {label}", is_audited=False
)
MERGED_BY_HAND: Final = Reason("correlate.merged_by_hand", "somebody merged them")
SPLIT_BY_HAND: Final = Reason("correlate.split_by_hand", "somebody split them")
LEFT_TOGETHER: Final = Reason("correlate.left_together", "who had it in hand left them together")
LEFT_APART: Final = Reason("correlate.left_apart", "who had it in hand left them apart")

# What became of an alert.
FIRED_AGAIN: Final = Reason(
    "correlate.fired_again", "{name} still fires long after a person resolved it"
)
SEVERITY: Final = Reason("correlate.severity", "{name} went from {before} to {after}")
RESOLVED: Final = Reason("correlate.resolved", "{name} resolved; {firing} still fire")
ENDED: Final = Reason("correlate.ended", "{name} reached its announced end; {firing} still fire")
TIMED_OUT: Final = Reason(
    "correlate.timed_out", "{name} was not heard of for too long; {firing} still fire"
)
FLAPPING: Final = Reason(
    "correlate.flapping", "{name} changed {changes} times; it counts as firing until calm"
)
FLAPPED: Final = Reason("correlate.flapped", "{name} changed while flapping", is_audited=False)
CALM: Final = Reason("correlate.calm", "{name} is calm; {firing} still fire")

# What became of the incident.
QUIET: Final = Reason("correlate.quiet", "all its alerts resolved")
SNOOZE_OVER: Final = Reason("correlate.snooze_over", "its snooze is over")
APPLIED: Final = Reason("correlate.applied", "{kind} by {author}")
REFUSED: Final = Reason("correlate.refused", "{kind} by {author} refused: {because}")
REPEATED_COMMAND: Final = Reason(
    "correlate.repeated_command", "{kind} by {author} was answered before: {result}"
)
