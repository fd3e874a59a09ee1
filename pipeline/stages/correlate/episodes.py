"""What one alert says about its identity: it fires, still fires, resolves, or comes too late.

Foreign producers keep no order, so alerts of one identity are ordered by their own times. An
episode is the time from one firing to its end:
* a firing that began before the known end belongs to that ended episode, however late it comes;
  a resolve that comes first is remembered, and so ends the firing that follows it;
* a resolve that is older than the episode's beginning ends an earlier one, and is passed over;
* an end that we only presumed (announced, or not heard of for too long) binds nobody: the same
  episode fires again when its sender says so;
* after more than `flap.changes` changes within `flap.window` the alert counts as firing until
  it has not changed for `flap.hold`.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.correlate.tables import AlertRow


class Turn(Enum):
    """What an alert, or the passing of time, changes."""

    SAME = "same"
    LATE = "late"
    RENEWED = "renewed"
    SEVERITY = "severity"
    FIRES = "fires"
    RESOLVED_FIRST = "resolved first"
    RESOLVES = "resolves"
    ENDS = "ends"
    TIMES_OUT = "times out"
    FLAPS = "flaps"
    BEGINS_TO_FLAP = "begins to flap"
    CALMS = "calms"
    FORGETS = "forgets"


ENDINGS: Final = frozenset({Turn.RESOLVES, Turn.ENDS, Turn.TIMES_OUT})


class Verdict(Struct, frozen=True):
    """The turn, and the row as it is after it."""

    turn: Turn
    row: AlertRow


def decide(row: AlertRow | None, alert: Alert, now_ms: int, config: CorrelateConfig) -> Verdict:
    """What an alert means for its identity. A firing one whose end has passed is resolved."""
    if alert.status == "firing" and not 0 < alert.ends_at_ms <= now_ms:
        return _fires(row, alert, now_ms, config)
    return _resolves(row, alert, now_ms, config)


def with_open_instants(alert: Alert) -> Alert:
    """The alert with 0 for an open instant, which some senders write as year 1."""
    if alert.starts_at_ms >= 0 and alert.ends_at_ms >= 0:
        return alert
    starts_at_ms, ends_at_ms = max(0, alert.starts_at_ms), max(0, alert.ends_at_ms)
    return replace(alert, starts_at_ms=starts_at_ms, ends_at_ms=ends_at_ms)


def decide_wake(row: AlertRow, now_ms: int, config: CorrelateConfig) -> Verdict:
    """What the passing of time means for an identity; SAME where nothing is due."""
    if not row.is_firing:
        is_over = now_ms >= row.seen_at_ms + config.remember
        return Verdict(Turn.FORGETS if is_over else Turn.SAME, row)
    turn = Turn.SAME
    if 0 < row.ends_at_ms <= now_ms:
        turn = Turn.ENDS
    elif now_ms >= row.seen_at_ms + config.resolve_timeout:
        turn = Turn.TIMES_OUT
    if row.is_flapping:
        return _flapping_wake(row, turn, now_ms, config)
    if turn is Turn.SAME:
        return Verdict(turn, row)
    ended = row.ends_at_ms if turn is Turn.ENDS else now_ms
    return Verdict(turn, _ended(row, ended, now_ms, is_presumed=True))


def due_at(row: AlertRow, config: CorrelateConfig) -> int:
    """When time alone changes something about this identity."""
    if not row.is_firing:
        return row.seen_at_ms + config.remember
    due = row.seen_at_ms + config.resolve_timeout
    if row.ends_at_ms:
        due = min(due, row.ends_at_ms)
    if row.is_flapping:
        due = min(due, row.flapped_at_ms + config.flap.hold)
    return due


def _fires(row: AlertRow | None, alert: Alert, now_ms: int, config: CorrelateConfig) -> Verdict:
    starts = alert.starts_at_ms
    if row is None:
        return Verdict(Turn.FIRES, _begun(AlertRow(), alert, now_ms))
    if not row.is_firing:
        return _fires_again(row, alert, now_ms, config)
    if starts and starts < row.starts_at_ms:
        return Verdict(Turn.LATE, row)
    if row.is_told_resolved:
        turn = Turn.FLAPS if alert.severity == row.severity else Turn.SEVERITY
        row = replace(
            row,
            is_told_resolved=False,
            flapped_at_ms=now_ms,
            starts_at_ms=starts or row.starts_at_ms,
            ends_at_ms=alert.ends_at_ms,
            seen_at_ms=now_ms,
            severity=alert.severity,
        )
        return Verdict(turn, row)
    # Whoever states no beginning is given that of the arrival: it repeats, and begins nothing.
    is_stated = 0 < starts != alert.received_at_ms
    is_renewed = is_stated and starts > row.starts_at_ms
    turn = Turn.RENEWED if is_renewed else Turn.SAME
    if alert.severity != row.severity:
        turn = Turn.SEVERITY
    ends = alert.ends_at_ms if is_renewed else max(alert.ends_at_ms, row.ends_at_ms)
    return Verdict(
        turn,
        replace(
            row,
            seen_at_ms=now_ms,
            ends_at_ms=ends,
            starts_at_ms=starts if is_renewed else row.starts_at_ms,
            severity=alert.severity,
        ),
    )


def _fires_again(row: AlertRow, alert: Alert, now_ms: int, config: CorrelateConfig) -> Verdict:
    begins = alert.starts_at_ms or alert.received_at_ms or now_ms
    if not row.is_presumed:
        is_known = alert.starts_at_ms and alert.starts_at_ms <= row.starts_at_ms
        if is_known or begins < row.ended_at_ms:
            return Verdict(Turn.LATE, row)
    changes = _changed(row, begins, config)
    is_flapping = _is_flapping(changes, begins, config)
    row = replace(_begun(row, alert, now_ms), changes=changes, is_flapping=is_flapping)
    if is_flapping:
        row = replace(row, flapped_at_ms=now_ms)
    return Verdict(Turn.FIRES, row)


def _resolves(row: AlertRow | None, alert: Alert, now_ms: int, config: CorrelateConfig) -> Verdict:
    ended = min(alert.ends_at_ms or alert.received_at_ms or now_ms, now_ms)
    starts = alert.starts_at_ms
    if row is None or not row.is_firing:
        known = row or AlertRow(severity=alert.severity)
        known = replace(
            known,
            starts_at_ms=max(starts, known.starts_at_ms),
            ended_at_ms=max(ended, known.ended_at_ms),
            seen_at_ms=now_ms,
            is_presumed=False,
        )
        return Verdict(Turn.RESOLVED_FIRST if row is None else Turn.SAME, known)
    if (starts or ended) < row.starts_at_ms:
        return Verdict(Turn.LATE, row)
    if row.is_told_resolved:
        return Verdict(Turn.SAME, replace(row, seen_at_ms=now_ms))
    changes = _changed(row, ended, config)
    if row.is_flapping or _is_flapping(changes, ended, config):
        turn = Turn.FLAPS if row.is_flapping else Turn.BEGINS_TO_FLAP
        row = replace(
            row,
            changes=changes,
            is_flapping=True,
            is_told_resolved=True,
            ended_at_ms=ended,
            ends_at_ms=0,
            flapped_at_ms=now_ms,
            seen_at_ms=now_ms,
        )
        return Verdict(turn, row)
    row = replace(row, changes=changes, starts_at_ms=max(starts, row.starts_at_ms))
    return Verdict(Turn.RESOLVES, _ended(row, ended, now_ms, is_presumed=False))


def _flapping_wake(row: AlertRow, turn: Turn, now_ms: int, config: CorrelateConfig) -> Verdict:
    """A flapping alert whose end passes is told resolved; when calm, what it was told holds."""
    if turn is not Turn.SAME and not row.is_told_resolved:
        row = replace(row, is_told_resolved=True, ended_at_ms=now_ms, ends_at_ms=0)
        if turn is Turn.ENDS:
            return Verdict(Turn.FLAPS, replace(row, flapped_at_ms=now_ms, seen_at_ms=now_ms))
    if now_ms < row.flapped_at_ms + config.flap.hold:
        return Verdict(Turn.SAME, row)
    calm = replace(row, is_flapping=False, is_told_resolved=False, changes=())
    if row.is_told_resolved:
        return Verdict(Turn.CALMS, _ended(calm, row.ended_at_ms, now_ms, is_presumed=False))
    return Verdict(Turn.CALMS, calm)


def _begun(row: AlertRow, alert: Alert, now_ms: int) -> AlertRow:
    return replace(
        row,
        is_firing=True,
        severity=alert.severity,
        starts_at_ms=alert.starts_at_ms,
        ended_at_ms=0,
        ends_at_ms=alert.ends_at_ms,
        seen_at_ms=now_ms,
        is_presumed=False,
        is_told_resolved=False,
    )


def _ended(row: AlertRow, ended_at_ms: int, now_ms: int, *, is_presumed: bool) -> AlertRow:
    return replace(
        row,
        is_firing=False,
        ended_at_ms=ended_at_ms,
        ends_at_ms=0,
        seen_at_ms=now_ms,
        is_presumed=is_presumed,
    )


def _changed(row: AlertRow, at_ms: int, config: CorrelateConfig) -> tuple[int, ...]:
    """The last changes with this one, as many as the question needs."""
    kept = config.flap.changes
    return (*row.changes[-kept:], at_ms) if kept else ()


def _is_flapping(changes: tuple[int, ...], at_ms: int, config: CorrelateConfig) -> bool:
    return len(changes) > config.flap.changes > 0 and changes[0] >= at_ms - config.flap.window
