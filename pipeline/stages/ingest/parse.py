"""parse: a body in some format to Drafts and Rejected; pure, and never an exception.

The edge calls it on what is posted, the stage on what lies on `raw-alerts`: one set of parsers.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from pipeline.domain.deadletter import Rejected
from pipeline.domain.record import SOURCE
from pipeline.stages.ingest.alertmanager import parse_alertmanager
from pipeline.stages.ingest.alertmanager_v2 import parse_v2
from pipeline.stages.ingest.avro import FRAMINGS, parse_avro
from pipeline.stages.ingest.cloudevents import parse_cloudevents
from pipeline.stages.ingest.config import FORMATS, IngestConfig
from pipeline.stages.ingest.draft import Draft, Parsed, refuse
from pipeline.stages.ingest.events import parse_events
from pipeline.stages.ingest.generic import parse_generic
from pipeline.stages.ingest.identity import identity_of
from pipeline.stages.ingest.native import parse_native
from pipeline.stages.ingest.reading import join
from pipeline.stages.ingest.reasons import INVALID, UNKNOWN_FORMAT, UNKNOWN_STATUS
from pipeline.stages.ingest.rules import Rules, rules_of
from pipeline.stages.ingest.sniff import sniff
from pipeline.stages.ingest.words import meaning


def parse(
    body: bytes, format_name: str, headers: Mapping[str, str], config: IngestConfig, now_ms: int
) -> Parsed:
    """Read a body. Every draft that comes back has a fingerprint and a status that is known.

    `format_name` is one of config.FORMATS, the name of a generic source, or "" to have it
    sniffed; `headers` are those of the request or record, in lower case. A batch of more than
    `members_max` is refused whole with the reason TOO_MANY and index -1.
    """
    rules = rules_of(config)
    parsed = _parse(body, format_name or sniff(body, headers), headers, rules, now_ms)
    return _complete(parsed, rules, headers.get(SOURCE, "")) if parsed.drafts else parsed


def _parse(
    body: bytes, format_name: str, headers: Mapping[str, str], rules: Rules, now_ms: int
) -> Parsed:
    config = rules.config
    if format_name == "native":
        return parse_native(body, config.members_max)
    if format_name == "alertmanager":
        # Its event recorder may be pointed at the same place; bridges add the stamp to groups too.
        if b'"@timestamp"' in body and sniff(body, {}) == "alertmanager-events":
            return parse_events(body)
        return parse_alertmanager(body, config.members_max, now_ms)
    if format_name == "alertmanager-v2":
        return parse_v2(body, config, now_ms)
    if format_name == "alertmanager-events":
        return parse_events(body)
    if format_name == "cloudevents":

        def inner(data: bytes, name: str) -> Parsed:
            found = name or sniff(data, {})
            if found == "cloudevents":
                return refuse(INVALID, "an event inside an event is not unpacked")
            return parse(data, found, {}, config, now_ms)

        return parse_cloudevents(body, headers, rules, inner)
    if format_name in FRAMINGS:
        # Without the headers, by which it would be taken for Avro again.
        return parse_avro(
            body, format_name, headers, lambda text: parse(text, "", {}, config, now_ms)
        )
    source = rules.sources.get(format_name)
    if source is not None:
        return parse_generic(body, source, config.members_max)
    known = ", ".join((*FORMATS, *config.sources))
    return refuse(UNKNOWN_FORMAT, f"no format {format_name[:100]!r}: take one of {known}")


def _complete(parsed: Parsed, rules: Rules, source: str) -> Parsed:
    """Check status words and fill what is derived."""
    kept: list[Draft] = []
    bad: list[Rejected] = []
    for draft in parsed.drafts:
        if draft.status not in rules.statuses and not meaning(rules.statuses, draft.status):
            bad.append(_unknown_status(draft, parsed.array))
            continue
        draft.fingerprint = identity_of(draft, rules)
        if not draft.source:
            draft.source = source
        kept.append(draft)
    if not bad:
        return parsed
    return replace(parsed, drafts=tuple(kept), rejected=(*parsed.rejected, *bad))


def _unknown_status(draft: Draft, array: str | None) -> Rejected:
    detail = f"{draft.status[:100]!r} is no status: write firing or resolved, or declare the word"
    if array is None:
        return Rejected(reason=UNKNOWN_STATUS, detail=detail, path="status")
    where = join(f"{array}[{draft.index}]", "status")
    return Rejected(reason=UNKNOWN_STATUS, detail=detail, path=where, index=draft.index)
