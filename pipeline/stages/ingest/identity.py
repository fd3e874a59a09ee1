"""Identity: which fact an alert is about, as 16 hex digits.

A given fingerprint is kept (any other text is hashed into one); otherwise it is the hash of the
declared identity fields together with all labels, before any text is cut.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.domain.ids import digest64, fingerprint
from pipeline.stages.ingest.config import IngestConfig
from pipeline.stages.ingest.draft import Draft
from pipeline.stages.ingest.rules import Rules, rules_of

_HEX16: Final = re.compile(r"[0-9a-f]{16}").fullmatch


def identity_of(draft: Draft, rules: Rules) -> str:
    """The fingerprint of a draft."""
    given = draft.fingerprint
    if given:
        return given if _HEX16(given) else _as_fingerprint(given)
    labels = draft.labels
    known = dict(labels)
    for name, aliases in rules.identity:
        value = getattr(draft, name)
        if not value:
            for alias in aliases:
                value = labels.get(alias, "")
                if value:
                    break
        if value:
            known[name] = value
    return fingerprint(known)


def draft_fingerprint(draft: Draft, config: IngestConfig) -> str:
    """The fingerprint under which the edge keys a draft's record on `raw-alerts`."""
    return identity_of(draft, rules_of(config))


def _as_fingerprint(given: str) -> str:
    lower = given.lower()
    return lower if _HEX16(lower) else digest64("fingerprint", given)
