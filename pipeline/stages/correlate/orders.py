"""Commands on incidents that may have gone: each is answered once, applied or refused."""

from __future__ import annotations

from pipeline.domain.command import Command
from pipeline.domain.incident import RESOLVED
from pipeline.domain.stage import INCIDENTS, Context
from pipeline.stages.correlate import commands, reasons
from pipeline.stages.correlate.commands import Answer
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.correlate.incident import Case
from pipeline.stages.correlate.ledger import Ledger
from pipeline.stages.correlate.links import Links
from pipeline.stages.correlate.search import Search
from pipeline.stages.correlate.seen import Seen
from pipeline.stages.correlate.splitting import split
from pipeline.stages.correlate.tables import IncidentRow


def obey(
    command: Command, ctx: Context, config: CorrelateConfig, search: Search, links: Links
) -> None:
    """Answer a command; the same one again gets the same answer and changes nothing."""
    scope = command.scope_id
    text = f"c/{command.command_id}"
    taken = Seen(scope, ctx, config.remember)
    facts = {
        "command_id": command.command_id,
        "incident_id": command.incident_id,
        "kind": command.kind,
        "author": command.author,
    }
    known = taken.find(text)
    if known is not None:
        ctx.reason(reasons.REPEATED_COMMAND, result=known.result, **facts)
        return
    ledger = Ledger(scope, ctx, config, command, links)
    case = _addressed(command, ledger, ctx)
    if case is None:
        answer = Answer(why=f"there is no incident {command.incident_id}")
    elif command.kind == "merge":
        answer = _merge(command, case, ledger)
    elif command.kind == "split":
        answer = split(command, case, ledger, search, links, ctx)
    else:
        answer = commands.decide(case, command, ctx.now_ms)
    result = "refused" if answer.why else "applied"
    taken.remember(text, result)
    if answer.why:
        ctx.reason(reasons.REFUSED, result=result, because=answer.why, **facts)
        return
    ctx.reason(reasons.APPLIED, result=result, **facts)
    if answer.case is None:
        return
    if command.kind == "resolve":
        ledger.ended(answer.case.incident)
    if command.kind in ("merge", "split"):
        ledger.settle(answer.case)
    else:
        ledger.forward(answer.case)


def _addressed(command: Command, ledger: Ledger, ctx: Context) -> Case | None:
    """The incident that a command means: the one named, or what it was merged into.

    Another tenant's incident does not exist for it. One that resolved so long ago that its
    counts are forgotten still takes notes.
    """
    case = ledger.find(command.incident_id)
    if case is None:
        incident = ctx.table(INCIDENTS).get(command.incident_id)
        if incident is None or incident.status != RESOLVED:
            return None
        case = Case(incident, IncidentRow(closed_at_ms=incident.resolved_at_ms))
    incident = case.incident
    is_theirs = incident.tenant == command.tenant and incident.scope_id == command.scope_id
    return case if is_theirs else None


def _merge(command: Command, case: Case, ledger: Ledger) -> Answer:
    """Merge the incident into `into`, as asked: direction is the person's choice."""
    into = ledger.find(command.into) if command.into else None
    if into is None or into.incident.scope_id != case.incident.scope_id:
        return Answer(why=f"there is no incident {command.into!r} in its scope")
    if into.incident.tenant != case.incident.tenant:
        return Answer(why=f"there is no incident {command.into!r} in its scope")
    if into.incident.incident_id == case.incident.incident_id:
        return Answer()
    for each in (case, into):
        if not each.incident.is_open:
            return Answer(why=f"{each.incident.incident_id} is resolved")
    return Answer(ledger.merge_into(into, case, f"by {command.author}"))
