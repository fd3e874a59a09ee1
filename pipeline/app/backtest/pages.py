"""Pages: what a run told people, read off what its epochs put out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from msgspec import Struct

from pipeline.codec import decode
from pipeline.domain.errors import UsageError
from pipeline.domain.incident import Incident
from pipeline.domain.notification import TRIGGER, Notification
from pipeline.domain.store import Output
from pipeline.engine.agent import INCIDENTS_TOPIC

NOTIFICATIONS: Final = "notifications"

PAGES_MAX: Final = 100_000
"""Pages of one run that are held in memory, some 100 MB; with more the range is refused."""

E = TypeVar("E", bound=Struct)


class Page(Struct, kw_only=True):
    """One trigger at one receiver, in one of the two runs.

    `absent` is why the other run did not send it at that instant ("" where it did), `holder` the
    incident of the other run that held its alerts then, and `is_known` whether that had been told
    to anybody.
    """

    at_ms: int
    incident_id: str
    receiver: str
    sequence: int
    team: str
    service: str
    title: str
    severity: str
    why: str
    absent: str = ""
    holder: str = ""
    is_known: bool = False


class Pages:
    """The pages of one run, in order."""

    def __init__(self) -> None:
        self.all: list[Page] = []

    def add(self, told: Iterable[Notification]) -> list[Page]:
        """Those among some notifications. Raises UsageError where a run has too many."""
        new = [_page(each) for each in told if each.action == TRIGGER and not each.is_test]
        self.all += new
        if len(self.all) > PAGES_MAX:
            raise UsageError(
                f"there are more than {PAGES_MAX:,} pages in this range: choose a shorter one"
            )
        return new


def _page(told: Notification) -> Page:
    return Page(
        at_ms=told.created_at_ms,
        incident_id=told.incident_id,
        receiver=told.receiver,
        sequence=told.sequence,
        team=told.team,
        service=told.service,
        title=told.title,
        severity=told.severity,
        why=told.why,
    )


def notifications(outputs: Iterable[Output]) -> list[Notification]:
    """The notifications among what an epoch put out."""
    return list(_events(outputs, NOTIFICATIONS, Notification))


def incidents(outputs: Iterable[Output]) -> list[Incident]:
    """The incidents that changed in an epoch, each once."""
    return list(_events(outputs, INCIDENTS_TOPIC, Incident))


def _events(outputs: Iterable[Output], topic: str, kind: type[E]) -> Iterator[E]:
    for output in outputs:
        if output.topic == topic and output.value is not None:
            event = output.event
            yield event if isinstance(event, kind) else decode(kind, output.value)
