"""The reasons of `ingest`: words under which a body or a member of it is refused or left out."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

EMPTY: Final = "empty"
NOT_JSON: Final = "not_json"
NOT_AVRO: Final = "not_avro"
INVALID: Final = "invalid"
TOO_DEEP: Final = "too_deep"
TOO_MANY: Final = "too_many"
UNKNOWN_FORMAT: Final = "unknown_format"
UNKNOWN_STATUS: Final = "unknown_status"
NO_TENANT: Final = "no_tenant"

SKIPPED: Final = Reason("ingest.skipped", "Left out: {what}", is_audited=False)
CUT_BY_SENDER: Final = Reason("ingest.cut_by_sender", "The sender cut {count} alerts off its batch")
