"""The reasons of `watch`. A beat is only counted: it comes every few seconds."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

BEAT: Final = Reason("watch.beat", "{heartbeat} was heard of", is_audited=False)
NO_BEAT: Final = Reason("watch.no-beat", "{heartbeat} came as resolved", is_audited=False)
ARMED: Final = Reason("watch.armed", "{heartbeat} is expected from now on", is_audited=False)
EXCUSED: Final = Reason(
    "watch.excused", "{heartbeat} is given time: nobody was looking", is_audited=False
)
MISSING: Final = Reason("watch.missing", "{heartbeat} was not heard of for {within}")
BACK: Final = Reason("watch.back", "{heartbeat} is heard of again")
FORGOTTEN: Final = Reason("watch.forgotten", "{heartbeat} is no longer expected here")
